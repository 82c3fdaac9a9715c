package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// engine is a daemon that was started for the tests.
type engine struct {
	dir    string
	socket string
}

// host is its address as DOCKER_HOST and CONTAINER_HOST want it.
func (e *engine) host() string { return "unix://" + e.socket }

// find looks for a program also where a user's PATH does not lead.
func find(name string) (string, error) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if p := filepath.Join(dir, name); executable(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("there is no %s", name)
}

func executable(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// start starts an engine and waits until it answers. args are made from the
// directory that it may use.
func start(name string, args func(e *engine) []string, answers func(e *engine) error, env ...string) (*engine, error) {
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("%s needs root", name)
	}
	path, err := find(name)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(workDir, name[:1])
	if err != nil {
		return nil, err
	}
	e := &engine{dir: dir, socket: filepath.Join(dir, "s")}
	if err := startGuard(dir, env, append([]string{path}, args(e)...)...); err != nil {
		return nil, err
	}
	var last error
	if err := until(name, 60*time.Second, func() bool {
		last = answers(e)
		_, ended := os.Stat(filepath.Join(dir, "ended"))
		return last == nil || ended == nil
	}); err != nil || last != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, fmt.Errorf("%s: %w\n%s", name, errors.Join(err, last), log[max(0, len(log)-4000):])
	}
	return e, nil
}

func socketThere(e *engine) error { _, err := os.Stat(e.socket); return err }

// dockerd needs no network: images are built without one, and what it pushes
// goes to the loopback of its host.
var dockerd = sync.OnceValues(func() (*engine, error) { return startDocker() })

// vfsDocker is a dockerd whose storage driver copies all files for each layer.
var vfsDocker = sync.OnceValues(func() (*engine, error) { return startDocker("--storage-driver=vfs") })

func startDocker(flags ...string) (*engine, error) {
	if _, err := find("docker"); err != nil {
		return nil, err
	}
	return start("dockerd", func(e *engine) []string {
		os.WriteFile(e.dir+"/none.json", []byte("{}"), 0o600) // not this machine's
		return append([]string{"--host", e.host(), "--data-root", e.dir + "/data", "--exec-root", e.dir + "/exec", "--pidfile", e.dir + "/pid",
			"--config-file", e.dir + "/none.json", "--bridge=none", "--iptables=false", "--ip6tables=false"}, flags...)
	}, func(e *engine) error {
		if err := socketThere(e); err != nil {
			return err
		}
		_, err := try([]string{"DOCKER_HOST=" + e.host()}, "docker", "info")
		return err
	})
}

func needDocker(t *testing.T) *engine {
	t.Helper()
	e, err := dockerd()
	if err != nil {
		lacking(t, "dockerd does not run: "+err.Error())
	}
	return e
}

var containerd = sync.OnceValues(func() (*engine, error) {
	if _, err := find("ctr"); err != nil {
		return nil, err
	}
	return start("containerd", func(e *engine) []string {
		// Without the CRI plugin, which wants a network.
		config := e.dir + "/config.toml"
		os.WriteFile(config, []byte("version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"), 0o600)
		return []string{"--config", config, "--root", e.dir + "/root", "--state", e.dir + "/state", "--address", e.socket}
	}, func(e *engine) error {
		_, err := try(nil, "ctr", "--address", e.socket, "version")
		return err
	})
})

func needContainerd(t *testing.T) *engine {
	t.Helper()
	e, err := containerd()
	if err != nil {
		lacking(t, "containerd does not run: "+err.Error())
	}
	return e
}

// podmanEnv gives podman a storage of its own.
var podmanEnv = sync.OnceValues(func() ([]string, error) {
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("podman without root needs a set-up of its own")
	}
	if _, err := exec.LookPath("podman"); err != nil {
		return nil, fmt.Errorf("there is no podman")
	}
	dir, err := os.MkdirTemp(workDir, "p")
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "storage.conf")
	text := fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n", dir+"/root", dir+"/run")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	policy := filepath.Join(workDir, "home/.config/containers/policy.json")
	if err := os.MkdirAll(filepath.Dir(policy), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(policy, []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`), 0o600); err != nil {
		return nil, err
	}
	// Without CONTAINER_HOST there is no service, and leakscan runs podman.
	return []string{"CONTAINERS_STORAGE_CONF=" + conf, "CONTAINER_HOST="}, nil
})

func needPodman(t *testing.T) []string {
	t.Helper()
	env, err := podmanEnv()
	if err != nil {
		lacking(t, err.Error())
	}
	return env
}

var podmanService = sync.OnceValues(func() (*engine, error) {
	env, err := podmanEnv()
	if err != nil {
		return nil, err
	}
	return start("podman", func(e *engine) []string {
		return []string{"system", "service", "--time=0", e.host()}
	}, func(e *engine) error {
		if err := socketThere(e); err != nil {
			return err
		}
		_, err := try([]string{"CONTAINER_HOST=" + e.host()}, "podman", "--remote", "--url", e.host(), "version")
		return err
	}, environ(env...)...)
})
