package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/secretcrypt"
)

// What stands for names that are not given, as zuul-client writes them.
const (
	nameToFill  = "<name>"
	fieldToFill = "<fieldname>"
)

type encryptOptions struct {
	project, tenant, publicKey string
	infile, outfile            string
	secretName, fieldName      string
	noStrip                    bool
	in                         io.Reader
}

func (e *env) encryptCommand(name string) *cobra.Command {
	var o encryptOptions
	c := &cobra.Command{
		Use:   "encrypt --project PROJECT | --public-key FILE",
		Short: "Encrypt a value for the secrets of a project, to be put into its configuration",
		Long: `Encrypt a value for the secrets of a project, to be put into its configuration.

The value is read from a file or from standard input, never from an argument: arguments end up in
histories. White space around what comes from standard input is left out; a file is taken as it is.`,
		Example: fmt.Sprintf(`  %[1]s encrypt -n acme --project acme/web --secret-name registry --field-name password < password.txt
  %[1]s encrypt -n acme --project acme/web --infile id_ed25519 --outfile secret.yaml
  %[1]s encrypt --public-key web.pub < password.txt`, name),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.in = c.InOrStdin()
			return e.encrypt(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.project, "project", "", "the project: owner/repo, or host/owner/repo where the tenant has several of that name")
	f.StringVar(&o.tenant, "tenant", "", "the tenant, as -n")
	f.StringVar(&o.publicKey, "public-key", "", "file with the public key of the project; no cluster is asked then")
	f.StringVar(&o.infile, "infile", "", "file with the value; standard input when it is - or not given")
	f.StringVar(&o.outfile, "outfile", "", "file to write to; standard output when it is - or not given")
	f.StringVar(&o.secretName, "secret-name", nameToFill, "name of the secret")
	f.StringVar(&o.fieldName, "field-name", fieldToFill, "name of the value in the secret")
	f.BoolVar(&o.noStrip, "no-strip", false, "keep white space around what is read from standard input")
	return c
}

// projectName is what a project may be called, with or without its host.
var projectName = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.:+~-]*(/[A-Za-z0-9_.:+~-]+)*$`)

func isName(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// check finds what was typed wrongly before anything is asked for.
func (o encryptOptions) check(namespace string) error {
	if o.project == "" && o.publicKey == "" {
		return usage("say whose key with --project, or give the key with --public-key")
	}
	if o.tenant != "" && namespace != "" && o.tenant != namespace {
		return usage("--tenant %s and -n %s are not the same", o.tenant, namespace)
	}
	if o.project != "" && !projectName.MatchString(o.project) {
		return usage("%q is not a project; write owner/repo", o.project)
	}
	if !isName(o.secretName) {
		return usage("--secret-name must be a name, not %q", o.secretName)
	}
	if !isName(o.fieldName) {
		return usage("--field-name must be a name, not %q", o.fieldName)
	}
	return nil
}

func (e *env) encrypt(ctx context.Context, o encryptOptions) error {
	if err := o.check(e.namespace); err != nil {
		return err
	}
	if o.tenant != "" {
		e.namespace = o.tenant
	}
	// The key first: nobody types a secret for nothing.
	pub, err := e.publicKey(ctx, o)
	if err != nil {
		return err
	}
	text, err := e.plaintext(ctx, o)
	if err != nil {
		return err
	}
	chunks, err := secretcrypt.Encrypt(pub, text)
	if err != nil {
		return err
	}
	out := secretcrypt.FormatYAML(o.secretName, o.fieldName, chunks)
	if o.outfile != "" && o.outfile != "-" {
		return os.WriteFile(o.outfile, []byte(out), 0o644) // it is encrypted: everybody may read it
	}
	_, err = io.WriteString(e.Out, out)
	return err
}

// maxPlaintext is what fits encrypted into a configuration file of 1 MiB.
const maxPlaintext = 512 << 10

// plaintext reads the value. Errors say nothing of what it is.
func (e *env) plaintext(ctx context.Context, o encryptOptions) ([]byte, error) {
	text, err := e.input(ctx, o)
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxPlaintext:
		return nil, fmt.Errorf("the value has more than %d bytes; encrypted it would not fit into a configuration file", maxPlaintext)
	case !utf8.Valid(text):
		return nil, errors.New("the value is not UTF-8 text, and playbooks could not be given it; encode it, for instance with base64")
	}
	lines := bytes.Count(bytes.TrimSpace(text), []byte("\n")) + 1
	switch stripped := bytes.TrimSpace(text); {
	case len(stripped) == len(text):
	case o.fromStdin() && !o.noStrip:
		if lines > 1 { // a private key, for instance, must end with a newline
			e.note("the value has several lines, and the white space around them was left out; --no-strip or --infile keeps it")
		}
		text = stripped
	case !o.fromStdin() && lines == 1: // a password that an editor saved, for instance
		e.note("the value has white space around it, as the file has, for instance a newline at its end; standard input leaves it out")
	}
	if len(text) == 0 {
		return nil, errors.New("there is nothing to encrypt: the value is empty")
	}
	return text, nil
}

// note tells what may not be meant.
func (e *env) note(text string) { fmt.Fprintln(e.Err, "note: "+text) }

func (o encryptOptions) fromStdin() bool { return o.infile == "" || o.infile == "-" }
