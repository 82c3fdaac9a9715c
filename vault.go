package leakscan

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/report"
)

// Vault keeps the secrets of a scan, for those who ask to see them, and for
// masking them in the text around a finding. A report has none: this is the
// only way from a finding to its value. The zero value is empty.
type Vault struct {
	mu      sync.Mutex
	secrets map[string]detect.Secret // by rule and identity
	byPrint map[string]detect.Secret // by fingerprint
	bytes   int
}

// What is kept is bounded, in number and in bytes. A masked text could show
// those beyond it, if the rule that found them does not find them there too.
const (
	maxVault      = 50_000
	maxVaultBytes = 16 << 20
)

func (v *Vault) add(rule, id string, s detect.Secret) {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.secrets == nil {
		v.secrets = map[string]detect.Secret{}
	}
	if _, ok := v.secrets[rule+id]; ok || len(v.secrets) >= maxVault {
		return
	}
	if n := len(s.Reveal()); v.bytes+n <= maxVaultBytes {
		v.bytes += n
		v.secrets[rule+id] = s
	}
}

// name lets a secret be looked up by a fingerprint.
func (v *Vault) name(rule, id, fingerprint string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s, ok := v.secrets[rule+id]; ok {
		if v.byPrint == nil {
			v.byPrint = map[string]detect.Secret{}
		}
		v.byPrint[fingerprint] = s
	}
}

// Reveal gives the value of a finding's secret, if it was kept and is there to
// be shown.
func (v *Vault) Reveal(f *report.Finding) (string, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.byPrint[f.Fingerprint]
	if !ok {
		return "", false
	}
	value := s.Reveal()
	return string(value), len(value) > 0
}

// Cover returns where the secrets that were kept stand in a text of the user's
// own, such as the Dockerfile of the image. It knows no rules: see
// [detect.Scanner.Cover].
func (v *Vault) Cover(text []byte) []detect.Covered { return newMasker(nil, v).cover(string(text)) }

// minMask is the length under which a value is not looked for in other text:
// it would be found in everything.
const minMask = 6

// values gives all secrets that are long enough to be looked for, the longest
// first, so that one that holds another is masked whole.
func (v *Vault) values() []detect.Secret {
	v.mu.Lock()
	defer v.mu.Unlock()
	type item struct {
		s detect.Secret
		v []byte
	}
	var all []item
	for _, s := range v.secrets {
		if b := s.Reveal(); len(b) >= minMask {
			all = append(all, item{s, b})
		}
	}
	slices.SortFunc(all, func(a, b item) int {
		return cmp.Or(cmp.Compare(len(b.v), len(a.v)), bytes.Compare(a.v, b.v))
	})
	out := make([]detect.Secret, len(all))
	for i, it := range all {
		out[i] = it.s
	}
	return out
}

// sharedRun is how many bytes in a row a text may not have in common with a secret.
const sharedRun = 12

// Shares tells of each text whether a piece of a secret that was kept stands in
// it: of one that is put together, quoted or escaped, [Vault.Cover] finds no more.
func (v *Vault) Shares(texts []string) []bool {
	at := map[[sharedRun]byte][]int{}
	for i, t := range texts {
		for j := 0; j+sharedRun <= len(t); j++ {
			k := [sharedRun]byte([]byte(t[j : j+sharedRun]))
			if is := at[k]; len(is) == 0 || is[len(is)-1] != i {
				at[k] = append(is, i)
			}
		}
	}
	out := make([]bool, len(texts))
	for _, s := range v.values() {
		value := s.Reveal()
		for j := 0; j+sharedRun <= len(value); j++ {
			for _, i := range at[[sharedRun]byte(value[j:j+sharedRun])] {
				out[i] = true
			}
		}
	}
	return out
}
