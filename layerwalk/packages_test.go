package layerwalk

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestUnpackPackages reads what the systems' own tools pack.
func TestUnpackPackages(t *testing.T) {
	dir := t.TempDir()
	const text = "packed by another\n"
	write := func(name, body string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) {
		t.Helper()
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("LEAKSCAN_E2E") == "require" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
		c := exec.Command(name, args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	holds := func(file, want string) {
		t.Helper()
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		u := Unpacker{Memory: NewMemory(0)}
		if got := unpacked(&u, "x", data); !slices.Contains(got, "x"+Inside+want+": "+text) || !u.Whole() {
			t.Errorf("%s: got %q, whole is %v", filepath.Base(file), got, u.Whole())
		}
	}
	write("root/etc/app.conf", text)
	t.Run("deb", func(t *testing.T) {
		write("root/DEBIAN/control", "Package: a\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: a\n")
		for method, ending := range map[string]string{"gzip": "gz", "xz": "xz", "zstd": "zst"} {
			run("dpkg-deb", "--root-owner-group", "-Z"+method, "-b", "root", method+".deb")
			holds(filepath.Join(dir, method+".deb"), "data.tar."+ending+Inside+"etc/app.conf")
		}
	})
	t.Run("rpm", func(t *testing.T) {
		write("a.spec", "Name: a\nVersion: 1\nRelease: 1\nSummary: a\nLicense: a\nBuildArch: noarch\n%description\na\n%install\ncp -r "+dir+"/root/etc %{buildroot}/\n%files\n/etc/app.conf\n")
		for _, payload := range []string{"w9.gzdio", "w9.bzdio", "w7.xzdio", "w19.zstdio"} {
			run("rpmbuild", "-bb", "--define", "_topdir "+dir+"/top", "--define", "_rpmdir "+dir+"/"+payload, "--define", "_binary_payload "+payload, "a.spec")
			holds(filepath.Join(dir, payload, "noarch", "a-1-1.noarch.rpm"), "etc/app.conf")
		}
	})
	t.Run("cpio", func(t *testing.T) {
		for _, form := range []string{"newc", "crc"} {
			run("sh", "-c", fmt.Sprintf("cd root && find etc | cpio --quiet -o -H %s | gzip > ../%s.gz", form, form))
			holds(filepath.Join(dir, form+".gz"), "etc/app.conf")
		}
	})
}
