package shellflow

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

const maxFields = 512

// fields collects the words that one word of the script expands to.
type fields struct {
	out  []text
	cur  text
	open bool
}

func (f *fields) add(t text) {
	f.cur = f.cur.plus(t)
	f.open = true
}

func (f *fields) end() {
	if f.open && len(f.out) < maxFields {
		f.out = append(f.out, f.cur)
	}
	f.cur, f.open = text{}, false
}

// addSplit adds what came out of an unquoted expansion: blanks end a word.
func (f *fields) addSplit(t text) {
	if t.s == "" {
		f.cur.taint = f.cur.taint.plus(t.taint)
		return
	}
	if !slices.ContainsFunc([]byte(t.s), isBlank) {
		t.glob = strings.ContainsAny(t.s, "*?[")
		f.add(t)
		return
	}
	words := split(t.s, isBlank)
	if isBlank(t.s[0]) {
		f.end()
	}
	for i, w := range words {
		if i > 0 {
			f.end()
		}
		f.add(t.with(w))
	}
	if isBlank(t.s[len(t.s)-1]) {
		f.end()
	}
}

// words expands words to arguments.
func (r *run) words(ws []*syntax.Word) []text {
	out := make([]text, 0, len(ws))
	for _, w := range ws {
		for _, b := range r.braces(w) {
			var f fields
			r.parts(&f, b.Parts, false, true)
			f.end()
			pos, end := r.at(w)
			for _, t := range f.out {
				t.pos, t.end = pos, end
				out = append(out, t)
			}
			if len(out) > 4*maxFields {
				return out
			}
		}
	}
	return out
}

// word expands a word that stays one: the value of an assignment, a file name.
func (r *run) word(w *syntax.Word) text {
	if w == nil {
		return text{}
	}
	var f fields
	r.parts(&f, w.Parts, true, true)
	f.end()
	var t text
	for i, u := range f.out {
		if i > 0 {
			t = t.plus(known(" "))
		}
		t = t.plus(u)
	}
	if len(f.out) == 0 {
		t.taint = f.cur.taint
	}
	if len(w.Parts) > 0 {
		t.pos, t.end = r.at(w)
	}
	return t
}

const maxBraces = 64

// braces is the words of {a,b}. A sequence such as {1..9} stays one word.
func (r *run) braces(w *syntax.Word) []*syntax.Word {
	if r.src.lang == syntax.LangPOSIX {
		return []*syntax.Word{w}
	}
	if !slices.ContainsFunc(w.Parts, func(p syntax.WordPart) bool {
		switch p := p.(type) {
		case *syntax.Lit:
			return strings.Contains(p.Value, "{")
		case *syntax.BraceExp:
			return true
		}
		return false
	}) {
		return []*syntax.Word{w}
	}
	// It changes the word, and then parts of it have no place.
	w = &syntax.Word{Parts: slices.Clone(w.Parts)}
	syntax.SplitBraces(w)
	out := [][]syntax.WordPart{nil}
	for _, p := range w.Parts {
		b, ok := p.(*syntax.BraceExp)
		if !ok || b.Sequence {
			for i := range out {
				out[i] = append(slices.Clip(out[i]), p)
			}
			continue
		}
		var next [][]syntax.WordPart
		for _, pre := range out {
			for _, e := range b.Elems {
				for _, alt := range r.braces(e) {
					if len(next) < maxBraces {
						next = append(next, append(slices.Clip(pre), alt.Parts...))
					}
				}
			}
		}
		out = next
	}
	r.charge(len(out))
	ws := make([]*syntax.Word, len(out))
	for i, parts := range out {
		ws[i] = &syntax.Word{Parts: parts}
	}
	return ws
}

// parts expands the parts of a word. keep is true where blanks don't end it.
func (r *run) parts(f *fields, parts []syntax.WordPart, keep, tilde bool) {
	for i, p := range parts {
		r.charge(1)
		switch p := p.(type) {
		case *syntax.Lit:
			s := unescape(p.Value)
			if i == 0 && tilde {
				s = r.tilde(s)
			}
			f.add(text{s: s, glob: strings.ContainsAny(p.Value, "*?[")})
		case *syntax.SglQuoted:
			s := p.Value
			if p.Dollar {
				s = ansi(s)
			}
			f.add(known(s))
		case *syntax.DblQuoted:
			f.open = true
			r.quoted(f, p.Parts)
		case *syntax.BraceExp:
			f.add(text{s: "*", glob: true})
		case *syntax.ExtGlob:
			f.add(text{s: "*", glob: true})
		case *syntax.ParamExp:
			r.addParam(f, p, keep)
		default:
			t := r.part(p)
			if keep {
				f.add(t)
			} else {
				f.addSplit(t)
			}
		}
	}
}

// quoted expands what is in double quotes, or in a here-document.
func (r *run) quoted(f *fields, parts []syntax.WordPart) {
	for _, p := range parts {
		r.charge(1)
		switch p := p.(type) {
		case *syntax.Lit:
			f.add(known(unescapeQuoted(p.Value)))
		case *syntax.ParamExp:
			if p.Param != nil && (p.Param.Value == "@" || indexIs(p, "@")) && p.Exp == nil && p.Slice == nil && !p.Length {
				r.addParam(f, p, false)
				continue
			}
			f.add(r.param(p))
		case *syntax.SglQuoted:
			f.add(known(p.Value))
		case *syntax.DblQuoted:
			r.quoted(f, p.Parts)
		default:
			f.add(r.part(p))
		}
	}
}

// addParam adds a parameter that may be many words.
func (r *run) addParam(f *fields, p *syntax.ParamExp, keep bool) {
	var list []text
	switch {
	case p.Param == nil || p.Length || p.Exp != nil || p.Repl != nil || p.Slice != nil || p.Excl:
	case p.Param.Value == "@" || p.Param.Value == "*":
		list = r.st.params
		if len(list) == 0 {
			return
		}
	case indexIs(p, "@") || indexIs(p, "*"):
		list = r.st.vars[p.Param.Value].list
	}
	if list == nil {
		t := r.param(p)
		if keep {
			f.add(t)
		} else {
			f.addSplit(t)
		}
		return
	}
	for i, t := range list {
		if i > 0 {
			f.end()
		}
		f.add(t)
	}
}

func indexIs(p *syntax.ParamExp, s string) bool {
	w, ok := p.Index.(*syntax.Word)
	return ok && w.Lit() == s
}

// part expands what runs commands.
func (r *run) part(p syntax.WordPart) text {
	switch p := p.(type) {
	case *syntax.CmdSubst:
		return r.substitute(p.Stmts, r.shown(p))
	case *syntax.ProcSubst:
		r.pipes++
		key := "/dev/fd/" + strings.Repeat("p", min(r.pipes, 64))
		if p.Op == syntax.CmdOut {
			r.after = append(r.after, after{key, p.Stmts})
			return known(key)
		}
		t := r.substitute(p.Stmts, "")
		r.st.fs[key] = &file{parts: []part{{taint: t.taint, kind: Written}}}
		return known(key)
	case *syntax.ArithmExp:
		r.arithm(p.X)
		return unknown(r.shown(p), taint{})
	case *syntax.ParamExp:
		return r.param(p)
	case *syntax.DblQuoted:
		var f fields
		r.quoted(&f, p.Parts)
		return f.cur
	case *syntax.SglQuoted:
		return known(p.Value)
	case *syntax.Lit:
		return known(unescape(p.Value))
	}
	return text{}
}

// substitute is the output of commands.
func (r *run) substitute(stmts []*syntax.Stmt, shown string) text {
	// $(< file)
	buf := &text{}
	if len(stmts) == 1 && stmts[0].Cmd == nil && len(stmts[0].Redirs) == 1 && stmts[0].Redirs[0].Op == syntax.RdrIn {
		name := r.word(stmts[0].Redirs[0].Word)
		return unknown(shown, r.read(name))
	}
	r.subshell(func() {
		r.st.out[1] = &sink{kind: toText, buf: buf}
		r.stmts(stmts)
	})
	t := *buf
	t.pos, t.end, t.glob = 0, 0, false
	if !t.known() {
		// A name that only a command knows is one hole; a text of lines keeps them.
		if !strings.Contains(strings.TrimSpace(t.s), "\n") {
			t.s = hole(shown)
		}
	}
	t.s = strings.TrimRight(t.s, "\n")
	return t
}

func (r *run) tilde(s string) string {
	rest, ok := strings.CutPrefix(s, "~")
	if !ok {
		return s
	}
	user, tail := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		user, tail = rest[:i], rest[i:]
	}
	switch {
	case user == "":
		return r.st.home + tail
	case user == "+":
		return r.st.cwd + tail
	case strings.ContainsAny(user, "*?[{$-"):
		return s
	}
	return homeOf(user) + tail
}

func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if i++; s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func unescapeQuoted(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("$`\"\\\n", s[i+1]) >= 0 {
			if i++; s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// ansi reads the escapes of $'…', echo -e and printf that matter here.
func ansi(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			i++
			switch c = s[i]; c {
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			case 'r':
				c = '\r'
			case '\\', '\'', '"':
			case 'c':
				return b.String()
			default:
				b.WriteByte('\\')
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}
