// Package detect finds secrets in a stream of bytes. It knows no image and no
// output.
//
// # What counts
//
// A [Scanner] finds what gitleaks v8.30.1 finds when it is given the whole file
// as one text: the rule's keyword must occur in the file, its pattern must
// match (leftmost first, no overlaps), the secret must have more than the
// rule's entropy, no allowlist may apply, and the rules that it requires must
// match, too. A finding of a rule whose ID says "generic" gives way to one of
// another rule on its line that contains it. What is encoded is found decoded
// as well (decode.go). The differences:
//
//   - A comment `gitleaks:allow` means nothing. Text inside an image must not
//     be able to switch the scanner off.
//   - On a last line without a newline, gitleaks looks at the whole file where
//     an allowlist is about the line. We look at the line.
//   - "The line" reaches at most 64 KiB to both sides of the match, for
//     allowlists and for what gives way to what.
//   - A match is at most 256 KiB long. One that would be longer is cut or, if
//     its pattern needs an end that is farther away, not found. The first part
//     of a JSON Web Token, and of the host name of a webhook of Microsoft
//     Teams, is at most 16 KiB long.
//   - In a file of more than 1 MiB, a keyword outside of the match must come
//     before it, or in the same MiB. Of the default rules this concerns the
//     six whose pattern does not contain their keyword; and of the others, a
//     match that has it with U+017F (ſ) for an s. A keyword written with a
//     character that is ASCII only in lower case counts in its MiB only.
//   - gitleaks decodes base64, hex, per cent and \u escapes of ASCII text; we
//     decode text of any language, lines that are wrapped, UTF-16 and UTF-32,
//     and what stands behind a separator in a longer word. A generic finding
//     gives way to what is found encoded in it.
//
// # How it runs
//
// A stream passes through a buffer of fixed size in rounds ([Scanner.Scan],
// stream.go). In each round
//
//  1. the prefilter (prefilter.go) looks for byte strings that the patterns
//     can't match without (literal.go, which reads them out of the pattern),
//     and for long words (words.go);
//  2. a literal that is there opens a hit, if what must come behind it can
//     (window.go);
//  3. the pattern runs at the place where a match with that literal starts, by
//     a small matcher of our own (matcher.go), or with package regexp over a
//     window around it;
//  4. what matches is judged: groups, entropy, allowlists (judge.go);
//  5. what looks encoded is decoded and scanned in turn.
//
// A pattern without such a string runs around long runs of the characters it
// needs (run.go) or over the whole buffer, and only if the rule's keyword
// occurred. [Scanner.Explain] says for each rule how it runs. So memory does
// not grow with the file, and most bytes are only ever seen by the prefilter.
package detect

import (
	"crypto/rand"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leakscan/leakscan/rules"
)

// Options are the settings of a [Scanner]. The zero value works.
type Options struct {
	// Key is the HMAC key of [Secret.ID]. Empty: a random one, so that IDs
	// compare within this Scanner only.
	Key []byte

	// MaxDecode is how many encodings within each other are decoded. 0: 5.
	// Less than 0: none.
	MaxDecode int

	// MaxMatches ends a scan with a [LimitError] after so many matches in
	// one stream. 0: 10,000.
	MaxMatches int

	// Now is the time by which tokens expire. Zero: that of [New].
	Now time.Time

	limits limits // for tests; zero: defaultLimits
	lazy   bool   // compile the rules when they are needed; they are known to be right
}

// A Scanner looks for the secrets that a set of rules describes. It does not
// change after New, and may be used by several goroutines at once.
type Scanner struct {
	rules      []*rule
	global     []*allowlist
	filter     *prefilter
	blind      []int // rules with a pattern and no literal
	pathOnly   []int // rules without a pattern
	key        []byte
	maxMatches int
	maxDecode  int
	limits     limits
	now        time.Time
	parsed     map[string]int // rules of package formats
	set        *rules.Set     // to be compiled; nil: done by New
	few        small
	prepared   sync.Once // for filter, limits and the rules' plans
	scans      sync.Pool // of *scan: buffers
}

// Match is one secret in the stream.
type Match struct {
	Rule         *rules.Rule
	Offset, End  int64 // of the match, in bytes from the start of the stream
	SecretOffset int64 // of the text that is the secret, or that it is decoded from
	SecretEnd    int64
	Line, Column int // of the secret's first byte, from 1; Column counts bytes. 0: the rule is about the path

	// Encodings are what the secret was taken out of, the outermost first;
	// nil: it stands in the text as it is. Offset, End, SecretOffset, Line and
	// Column are those of the encoded text.
	Encodings []Encoding

	// Key is the name the secret is assigned to, as in "apiToken" or
	// "AWS_SECRET_ACCESS_KEY", where the text has one that a human made. It
	// never holds part of a secret.
	Key string

	Entropy float64 // of the secret, in bits a character
	Secret  Secret

	// Severity and Confidence are the rule's, or what is known about this very
	// match: see [Match.Info].
	Severity   rules.Severity
	Confidence rules.Confidence

	Info string // why it is nothing to worry about, such as [InfoPlaceholder]; "": it isn't known to be harmless
	Note string // what else is known about it, such as "it expires on 2027-01-31"; no part of the secret

	Public string // of a private key: the ID of its public one, see [PublicKey]; "": not known
}

// LimitError says that a scan ended early because of [Options.MaxMatches].
type LimitError struct {
	Matches int   // how many were found
	Offset  int64 // where the last of them starts; what follows was not scanned
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("stopped after %d secrets, at byte %d", e.Matches, e.Offset)
}

// New prepares a scanner for a set of rules, which must not change afterwards.
// It fails if a pattern is not valid.
func New(set *rules.Set, o Options) (*Scanner, error) {
	s := &Scanner{key: o.Key, maxMatches: o.MaxMatches, limits: o.limits, now: o.Now, parsed: map[string]int{}}
	if s.now.IsZero() {
		s.now = time.Now()
	}
	if len(s.key) == 0 {
		s.key = make([]byte, 32)
		rand.Read(s.key) // never fails
	}
	if s.maxDecode = o.MaxDecode; s.maxDecode == 0 {
		s.maxDecode = maxDecode
	}
	if s.maxMatches <= 0 {
		s.maxMatches = 10_000
	}
	if s.limits == (limits{}) {
		s.limits = defaultLimits
	}
	s.scans.New = func() any {
		s.prepared.Do(s.prepare)
		return newScan(s)
	}
	if o.lazy {
		s.set = set
		return s, nil
	}
	return s, s.compile(set)
}

// compile makes the rules ready, but for their plans.
func (s *Scanner) compile(set *rules.Set) error {
	for i := range set.Rules {
		r, err := newRule(&set.Rules[i])
		if err != nil {
			return fmt.Errorf("rule %s: %w", set.Rules[i].ID, err)
		}
		switch {
		case r.Parsed:
			s.parsed[r.ID] = i
		case r.Pattern == "":
			s.pathOnly = append(s.pathOnly, i)
		}
		s.rules = append(s.rules, r)
	}
	for i := range set.Allowlists {
		a, err := newAllowlist(&set.Allowlists[i])
		if err != nil {
			return fmt.Errorf("global allowlist %d: %w", i+1, err)
		}
		s.global = append(s.global, a)
	}
	s.link()
	return nil
}

// For returns a scanner for a set of rules with the default options. That for
// the built-in rules, which nil means too, is made once for the process.
func For(set *rules.Set) (*Scanner, error) {
	builtin, err := rules.Default()
	if err != nil {
		return nil, fmt.Errorf("the built-in rules: %w", err)
	}
	if set == nil || set == builtin {
		return builtinScanner()
	}
	return New(set, Options{})
}

var builtinScanner = sync.OnceValues(func() (*Scanner, error) {
	set, err := rules.Default()
	if err != nil {
		return nil, err
	}
	return New(set, Options{lazy: true})
})

// prepare makes what only a scan needs, some 10 ms of work.
func (s *Scanner) prepare() {
	if s.set != nil {
		if err := s.compile(s.set); err != nil {
			panic("detect: the built-in rules: " + err.Error()) // a test compiles them
		}
	}
	defer s.few.done.Store(true)
	// Two thirds of the time go into the plans, and each is for itself.
	var wg sync.WaitGroup
	workers := min(4, runtime.GOMAXPROCS(0))
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(s.rules); i += workers {
				if r := s.rules[i]; r.tree != nil {
					r.plan = makePlan(r.tree, r.Keywords)
					// A rule that another requires is looked for whatever its keywords.
					r.plan.gated = r.plan.gated && !r.required
				}
			}
		})
	}
	wg.Wait()
	for i, r := range s.rules {
		if r.tree != nil && r.plan.literals == nil {
			s.blind = append(s.blind, i)
		}
		r.tree = nil
	}
	s.filter = newPrefilter(s.rules)
	s.limits.fit(s.rules)
}

// Scan looks for secrets in what r gives, and yields them by rising Offset. The
// path is for the rules that look at it; it may be empty.
//
// When reading fails, the matches in what was read come first, then the error.
func (s *Scanner) Scan(path string, r io.Reader) iter.Seq2[Match, error] {
	return func(yield func(Match, error) bool) {
		r, done := s.readFew(path, r, yield)
		if done {
			return
		}
		sc := s.scans.Get().(*scan)
		defer s.scans.Put(sc)
		sc.run(path, r, nil, yield)
	}
}

// ScanBytes is Scan for text that is in memory already. The only error is a
// [LimitError].
func (s *Scanner) ScanBytes(path string, b []byte) iter.Seq2[Match, error] {
	return func(yield func(Match, error) bool) {
		if s.scanFew(path, b, false, yield) {
			return
		}
		sc := s.scans.Get().(*scan)
		defer s.scans.Put(sc)
		sc.run(path, nil, b, yield)
	}
}

// isPreview reports whether a text is the beginning of a [Secret.Preview]: a few
// characters, and how long the secret is.
func isPreview(s string) bool {
	shown, rest, ok := strings.Cut(s, "…(")
	return ok && len(shown) <= 8 && len(rest) <= 5
}

// Covered is a part of a text that must not be shown, and what is shown in its
// place.
type Covered struct {
	From, To int
	Shown    string
}

// Cover returns the secrets in a text, in their order; none overlaps another.
// It is for texts that are to be shown. Rules that ask for a certain path run
// here as well.
func (s *Scanner) Cover(text []byte) []Covered {
	if len(text) == 0 {
		return nil
	}
	var spans []Covered
	found := func(m Match, err error) bool {
		if err == nil {
			from := int(m.SecretOffset)
			if isPreview(string(text[from:m.SecretEnd])) {
				return true // of a secret that is masked already
			}
			spans = append(spans, Covered{from, int(m.SecretEnd), m.Secret.Preview()})
		} else if len(spans) > 0 {
			// Too many: what was not looked at is not shown.
			from := spans[len(spans)-1].To
			spans = append(spans, Covered{from, len(text), "…"})
		}
		return true
	}
	if !s.scanFew("", text, true, found) {
		sc := s.scans.Get().(*scan)
		defer s.scans.Put(sc)
		sc.anyPath = true
		defer func() { sc.anyPath = false }()
		sc.run("", nil, text, found)
	}
	slices.SortStableFunc(spans, func(a, b Covered) int { return a.From - b.From })
	out := spans[:0]
	for i := 0; i < len(spans); {
		// Of secrets that overlap, nothing is shown: the first bytes of the
		// longer one may be most of the shorter one.
		sp, j := spans[i], i+1
		for ; j < len(spans) && spans[j].From < sp.To; j++ {
			sp.To = max(sp.To, spans[j].To)
			sp.Shown = fmt.Sprintf("…(%d characters)", sp.To-sp.From)
		}
		out = append(out, sp)
		i = j
	}
	return out
}

// Mask returns text with every secret in it replaced by its preview, as
// [Scanner.Cover] finds them. It is for the surroundings of a finding: an
// instruction, a path, a line of a history.
func (s *Scanner) Mask(text string) string {
	spans := s.Cover([]byte(text))
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	last := 0
	for _, sp := range spans {
		b.WriteString(text[last:sp.From])
		b.WriteString(sp.Shown)
		last = sp.To
	}
	b.WriteString(text[last:])
	return b.String()
}
