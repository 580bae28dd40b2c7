// Command images makes the container images of Gozer without a container
// engine, from a Debian system that it keeps, and brings them to a cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gozer-dev/gozer/hack/images/internal/aptsource"
	"github.com/gozer-dev/gozer/hack/images/internal/deliver"
	"github.com/gozer-dev/gozer/hack/images/internal/oci"
	"github.com/gozer-dev/gozer/hack/images/internal/rootfs"
)

// packages are in every image but pause: what builds of Zuul jobs expect of a
// node, and what the executor runs. Ansible, which only one image needs, is in the
// layer of all: one system is made, and imported, in half the time of two. What
// satisfies a dependency under another name is named: debootstrap does not find it.
const packages = "ansible,ca-certificates,git,iproute2,openssh-client,python3,python3-cffi-backend,rsync,sudo"

// users are who runs in the images: Gozer itself, and jobs on nodes.
var users = []rootfs.User{
	{Name: "zuul", UID: 1000, Home: "/home/zuul"},
	{Name: "gozer", UID: 65532, Home: "/home/gozer"},
}

// sudoers lets jobs be root where their label allows root: elsewhere nothing in a
// Pod can gain rights. Ansible's modules learn by the variable that they may write
// into what cannot be replaced.
const sudoers = `Defaults:zuul env_keep += "ANSIBLE_UNSAFE_WRITES"
zuul ALL=(ALL:ALL) NOPASSWD: ALL
`

// options are the flags.
type options struct {
	dir, gozer, pause              string
	mirror, suite, packages        string
	containerd, registry, kind, to string
	prepare                        bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.StringVar(&o.dir, "dir", ".build/images", "directory that keeps the Debian system")
	flag.StringVar(&o.gozer, "gozer", ".build/bin/gozer", "gozer's binary; none leaves out its image")
	flag.StringVar(&o.pause, "pause", ".build/bin/pause", "the binary that keeps Pods' namespaces; none leaves out its image")
	flag.StringVar(&o.mirror, "mirror", "", "Debian archive (default: this machine's)")
	flag.StringVar(&o.suite, "suite", "", "Debian release (default: this machine's)")
	flag.StringVar(&o.packages, "packages", packages, "Debian packages in the images, separated by commas")
	flag.StringVar(&o.containerd, "containerd", "", "import into the containerd with this socket")
	flag.StringVar(&o.registry, "registry", os.Getenv("IMAGE_REGISTRY"), "push to this registry (default: $IMAGE_REGISTRY)")
	flag.StringVar(&o.kind, "kind", os.Getenv("KIND_CLUSTER"), "load into this cluster of kind (default: $KIND_CLUSTER)")
	flag.StringVar(&o.to, "archive", "", "write an OCI archive into this file")
	flag.BoolVar(&o.prepare, "prepare", false, "only make the Debian system")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	begin := time.Now()
	say := func(format string, args ...any) {
		fmt.Printf("%6.1fs  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	}
	layer, err := base(ctx, o, say)
	if err != nil {
		return err
	}
	if o.prepare {
		return nil
	}
	images, err := build(o, layer)
	if err != nil {
		return err
	}
	return send(ctx, o, images, say)
}

// base makes the Debian layer, or finds the one made earlier.
func base(ctx context.Context, o options, say func(string, ...any)) (oci.FileLayer, error) {
	source := aptsource.Source{URI: o.mirror, Suite: o.suite}
	if o.mirror == "" || o.suite == "" {
		found, err := aptsource.Find(os.DirFS("/etc/apt"))
		if err != nil {
			return oci.FileLayer{}, err
		}
		source = found
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return oci.FileLayer{}, err
	}
	logFile := filepath.Join(o.dir, "base.log")
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return oci.FileLayer{}, err
	}
	defer log.Close() //nolint:errcheck // a log
	recipe := rootfs.Recipe{Source: source, Packages: strings.Split(o.packages, ","), Users: users}
	layer, err := rootfs.Make(ctx, o.dir, recipe, log)
	if err != nil {
		return oci.FileLayer{}, fmt.Errorf("%w\nsee %s; making a Debian system needs root and debootstrap (\"make apt\" installs it)", err, logFile)
	}
	say("base layer: Debian %s, %d MB", source.Suite, layer.Size>>20)
	return oci.FileLayer{Path: layer.Path, SHA256: layer.SHA256, Bytes: layer.Size}, nil
}

// build puts the images together.
func build(o options, base oci.FileLayer) ([]oci.Image, error) {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	sudo, err := oci.File("etc/sudoers.d/zuul", 0o440, []byte(sudoers))
	if err != nil {
		return nil, err
	}
	node, err := oci.Build("docker.io/local/node-debian:dev",
		v1.Config{User: "1000:1000", WorkingDir: "/home/zuul", Env: append(env, "HOME=/home/zuul"), Cmd: []string{"/bin/bash"}}, base, sudo)
	if err != nil {
		return nil, err
	}
	images := []oci.Image{node}
	if o.gozer != "" {
		program, err := oci.Program(o.gozer, "usr/local/bin/gozer")
		if err != nil {
			return nil, err
		}
		for _, name := range []string{"gozer", "gozer-ansible"} {
			image, err := oci.Build("docker.io/local/"+name+":dev",
				v1.Config{User: "65532:65532", Env: append(env, "HOME=/home/gozer"), Entrypoint: []string{"/usr/local/bin/gozer"}}, base, program)
			if err != nil {
				return nil, err
			}
			images = append(images, image)
		}
	}
	if o.pause == "" {
		return images, nil
	}
	program, err := oci.Program(o.pause, "pause")
	if err != nil {
		return nil, err
	}
	pause, err := oci.Build("docker.io/local/pause:dev", v1.Config{User: "65535:65535", Entrypoint: []string{"/pause"}}, program)
	return append(images, pause), err
}

// send brings the images to all places that the options name.
func send(ctx context.Context, o options, images []oci.Image, say func(string, ...any)) error {
	if o.containerd+o.registry+o.kind+o.to == "" {
		return errors.New("nowhere to bring the images: use --containerd, --registry, --kind or --archive")
	}
	if o.containerd != "" {
		imported, err := deliver.Containerd(ctx, o.containerd, images)
		if err != nil {
			return err
		}
		say("imported: %s", list(imported))
	}
	if o.registry != "" {
		pushed, err := deliver.Push(ctx, o.registry, images)
		if err != nil {
			return err
		}
		say("pushed: %s", list(pushed))
	}
	if o.kind != "" {
		if err := deliver.Kind(ctx, o.kind, filepath.Join(o.dir, "images.tar"), images); err != nil {
			return err
		}
		say("loaded into kind cluster %s", o.kind)
	}
	if o.to != "" {
		if err := deliver.Archive(o.to, images); err != nil {
			return err
		}
		say("written: %s", o.to)
	}
	return nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing, all images are there already"
	}
	return strings.Join(names, ", ")
}
