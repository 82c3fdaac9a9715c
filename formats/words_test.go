package formats

import (
	"slices"
	"strings"
	"testing"
)

// hitText is what Find takes out of a text, by rule.
func hitTexts(path, text string) (got []string) {
	for _, h := range Find(path, []byte(text)) {
		if h.Info == "" {
			got = append(got, text[h.From:h.To])
		}
	}
	return got
}

// Each pattern has a word in every match: what is far from all other words of
// the file is found as well.
func TestToolsFarApart(t *testing.T) {
	pad := "\n" + strings.Repeat("a line that says nothing\n", 60)
	const pw = "Ab9xQ2zzK7"
	for _, c := range []string{
		"up --token=" + pw + "pLm3", "up --api-key " + pw, "up --secret=" + pw, "up --pass " + pw, "up --passwd=" + pw, "up --auth-token=" + pw,
		"java -Djavax.net.ssl.keyStorePassword=" + pw + " x", "java -Djavax.net.ssl.trustStorePassword=" + pw + " x",
		"jarsigner -keypass " + pw + " a.jar", "NET USER admin " + pw + " /add", "net  user admin " + pw + " /add", `cmdkey /add:x /user:y /pass:` + pw, `CMDKEY /add:x /user:y /PASS:` + pw,
		`convertto-securestring "` + pw + `" -AsPlainText`, "aws configure  set aws_secret_access_key " + pw, "Connect-VIServer h -User u -Password " + pw, "CONNECT-VISERVER h -password " + pw,
		"PSEXEC64 \\\\h -u x -p " + pw + " cmd", "vault operator unseal " + strings.Repeat("Ab9x", 10) + "abcd",
	} {
		for _, path := range []string{"app/x.txt", "app/x.py"} {
			text := "mysqldump --password=$PW " + pad + c + "\n" + pad
			got := hitTexts(path, text)
			want := c[strings.Index(c, "Ab9x"):]
			want = want[:len(want)-len(strings.TrimLeft(want, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"))]
			if !slices.Contains(got, want) {
				t.Errorf("%s: %s: found %q, want %q", path, c, got, want)
			}
		}
	}
}

// What is found at the end of a window is whole.
func TestToolsAtAWindowsEnd(t *testing.T) {
	for n := range 80 {
		text := "x --password $A " + strings.Repeat("w", 1300) + " " + strings.Repeat("v", 150+n) + " --token=Ab9xQ2zzK7pLm3nO8qRsT1uVwXyZ " + strings.Repeat("z", 300)
		if got := hitTexts("app/x.txt", text); !slices.Contains(got, "Ab9xQ2zzK7pLm3nO8qRsT1uVwXyZ") {
			t.Fatalf("%d: %q", n, got)
		}
	}
}

func TestWantsBinaryKeys(t *testing.T) {
	head := make([]byte, 512)
	for i := range head {
		head[i] = byte(i)
	}
	for _, prefix := range []string{"\x95\x03\x98\x04\x5f\x00\x00\x00\x01", "\x95\x05\x80\x04\x5f\x00\x00\x00\x01", "(11:private-key(3:rsa(1:n257:\x00", "Key: (private-key\x00"} {
		for _, path := range []string{"root/secret.key", "root/x.gpg", "usr/share/x/y.bin"} {
			if !Wants(path, append([]byte(prefix), head...)[:512]) {
				t.Errorf("%s: %q is not wanted", path, prefix)
			}
		}
	}
}

func TestDefaultsFarFromTheirName(t *testing.T) {
	for _, text := range []string{"password:" + strings.Repeat(" ", 95) + "${DB:-Ab9xQ2zzK7}", "password:\f${DB:-Ab9xQ2zzK7}"} {
		if got := hitTexts("app/x.yml", text); !slices.Contains(got, "Ab9xQ2zzK7") {
			t.Errorf("%q: %q", text, got)
		}
	}
}
