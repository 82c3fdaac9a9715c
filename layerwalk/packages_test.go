package layerwalk

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
	t.Run("git", func(t *testing.T) {
		var lines strings.Builder
		for i := range 500 {
			fmt.Fprintf(&lines, "line %d of many\n", i*i)
		}
		half := lines.Len() / 2
		before, after := lines.String()[:half], lines.String()[half:]
		git := func(args ...string) {
			t.Helper()
			run("git", append([]string{"-C", "repo", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "gc.auto=0"}, args...)...)
		}
		run("git", "init", "-q", "repo")
		write("repo/whole", text)
		write("repo/changed", before+"\n"+text+after) // what comes later is without it: git keeps it as a delta
		git("add", ".")
		git("commit", "-q", "-m", "the message of a commit")
		write("repo/changed", before+after+strings.Repeat("and more of it\n", 20))
		git("rm", "-q", "whole")
		git("commit", "-q", "-a", "-m", "another")
		objects := func() (all []string, whole bool) {
			whole = true
			err := filepath.WalkDir(filepath.Join(dir, "repo/.git/objects"), func(p string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := os.ReadFile(p)
				if err != nil || !Packed(data[:min(len(data), PackedHead)]) {
					return err
				}
				var u Unpacker
				all = append(all, unpacked(&u, "x", data)...)
				whole = whole && u.Whole()
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return all, whole
		}
		holds := func(all []string, kind, text string) {
			t.Helper()
			if !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, "x"+Inside+kind) && strings.Contains(s, text) }) {
				t.Errorf("no %s with %q in %.3000q", kind, text, all)
			}
		}
		all, whole := objects()
		if len(all) != 7 || !whole { // two commits, two trees, three blobs
			t.Errorf("%d loose objects, whole is %v", len(all), whole)
		}
		holds(all, "blob: ", text)
		holds(all, "commit: ", "the message of a commit")
		git("gc", "-q", "--aggressive", "--prune=now")
		if all, whole = objects(); len(all) != 7 || !whole {
			t.Errorf("%d packed objects, whole is %v", len(all), whole)
		}
		holds(all, "blob@", ": "+text)
		holds(all, "commit@", "the message of a commit")
		holds(all, "delta@", "\n"+text)
		// What begins in another object and goes on in a delta is whole.
		var rotated []string
		for i := range 5 {
			rotated = append(rotated, fmt.Sprintf("export TOKEN=common_%x", sha256.Sum256([]byte{byte(i)})))
			write("repo/rotated", before+rotated[i]+"\n"+after[:i*20])
			git("add", ".")
			git("commit", "-q", "-m", "rotate")
		}
		git("gc", "-q", "--aggressive", "--prune=now")
		if all, whole = objects(); !whole {
			t.Error("it is not whole")
		}
		for i, s := range rotated {
			if !slices.ContainsFunc(all, func(o string) bool { return strings.Contains(o, s+"\n") }) {
				t.Errorf("version %d is lost", i)
			}
		}
		for _, s := range all { // they are where it is said
			at, _, _ := strings.Cut(strings.TrimPrefix(s, "x"+Inside), ":")
			_, offset, _ := strings.Cut(at, "@")
			run("sh", "-c", fmt.Sprintf("git verify-pack -v repo/.git/objects/pack/*.idx | awk '$5 == %s { found = 1 } END { exit !found }'", offset))
		}
	})
}
