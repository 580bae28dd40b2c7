package gitea

import (
	"fmt"
	"path/filepath"

	"github.com/gozer-dev/gozer/hack/cluster/internal/layout"
	"github.com/gozer-dev/gozer/hack/cluster/internal/supervise"
)

// Unit is Gitea as a program to run. It looks for itself by its first argument.
func Unit(l layout.Layout) supervise.Unit {
	binary := filepath.Join(l.Bin, "gitea")
	return supervise.Unit{
		Name: "gitea",
		Path: binary,
		Args: []string{binary, "web", "--config", configFile(l), "--work-path", workDir(l)},
		Env:  environment(l),
		Dir:  workDir(l),
		Log:  l.LogFile("gitea"),
	}
}

// CredentialsFile says who may do everything in Gitea; see Credentials.
func CredentialsFile(l layout.Layout) string { return l.Path("gitea.json") }

// TokenFile has the administrator's API token alone.
func TokenFile(l layout.Layout) string { return l.Path("gitea.token") }

func workDir(l layout.Layout) string    { return l.Path("gitea") }
func configFile(l layout.Layout) string { return l.Path("gitea", "app.ini") }

// environment keeps git from reading the machine's own configuration.
func environment(l layout.Layout) []string {
	return []string{"HOME=" + workDir(l), "USER=root", "GITEA_WORK_DIR=" + workDir(l), "GIT_CONFIG_NOSYSTEM=1"}
}

// shareDir has Gitea's templates, locales and pictures; it is beside the binaries.
func shareDir(l layout.Layout) string {
	return filepath.Join(filepath.Dir(l.Bin), "share", "gitea")
}

// Config is Gitea's configuration: no mail, no registration, nothing from the
// Internet; webhooks may go to private addresses, where Pods and Services are.
func Config(l layout.Layout, user string) []byte {
	return fmt.Appendf(nil, `APP_NAME = Gozer's local code host
RUN_MODE = prod
RUN_USER = %[1]s
WORK_PATH = %[2]s
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true

[server]
PROTOCOL = http
HTTP_ADDR = 0.0.0.0
HTTP_PORT = 3000
ROOT_URL = %[3]s/
DOMAIN = %[4]s
LOCAL_ROOT_URL = http://127.0.0.1:3000/
STATIC_ROOT_PATH = %[5]s
OFFLINE_MODE = true
DISABLE_SSH = true
LFS_START_SERVER = false

[database]
DB_TYPE = sqlite3
PATH = %[2]s/gitea.db
SQLITE_JOURNAL_MODE = WAL
SQLITE_TIMEOUT = 10000
LOG_SQL = false

[security]
INSTALL_LOCK = true
; Requests with a password hash it each time. Passwords here guard nothing.
PASSWORD_HASH_ALGO = pbkdf2_v1
MIN_PASSWORD_LENGTH = 6
PASSWORD_COMPLEXITY = off

[service]
DISABLE_REGISTRATION = true
REGISTER_EMAIL_CONFIRM = false
ENABLE_NOTIFY_MAIL = false
ENABLE_CAPTCHA = false
DEFAULT_KEEP_EMAIL_PRIVATE = false

[repository]
ROOT = %[2]s/repositories
DEFAULT_BRANCH = main
DEFAULT_PRIVATE = public
ENABLE_PUSH_CREATE_USER = true
ENABLE_PUSH_CREATE_ORG = true

[webhook]
ALLOWED_HOST_LIST = *
SKIP_TLS_VERIFY = true
DELIVER_TIMEOUT = 15
QUEUE_LENGTH = 1000

[queue]
TYPE = channel
LENGTH = 10000

[api]
ENABLE_SWAGGER = false

[indexer]
ISSUE_INDEXER_TYPE = db
REPO_INDEXER_ENABLED = false

[session]
PROVIDER = memory

[mailer]
ENABLED = false

[actions]
ENABLED = false

[packages]
ENABLED = false

[oauth2]
ENABLED = false

[cron]
ENABLED = false

[cron.update_checker]
ENABLED = false

[log]
MODE = console
LEVEL = Warn
`, user, workDir(l), l.GiteaURL(), l.NodeIP, shareDir(l))
}
