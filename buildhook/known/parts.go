package known

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var (
	// assignment is KEY=VALUE, KEY: VALUE and "key": "value".
	assignment  = regexp.MustCompile(`^\s*(?:export\s+|[{,\-]\s*)?(["']?[\w.@:/-]+["']?)\s*(?:=|:\s|:$|:["'])`)
	secretName  = regexp.MustCompile(`(?i)pass|pwd|secret|token|auth|key|cred|private`)
	userinfo    = regexp.MustCompile(`://([^/\s:@]*)(?::([^/\s@]*))?@`)
	netrcSecret = regexp.MustCompile(`(?:^|\s)(?:password|account)\s+(\S+)`)
	pemBegin    = regexp.MustCompile(`^-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY(?: BLOCK)?-----$`)
	base64Line  = regexp.MustCompile(`^[A-Za-z0-9+/]{40,}=*$`)
)

// parts returns what in the value is a secret on its own, without duplicates,
// and whether there was more than maxParts.
//
// A value of one line can have parts as well: many an .npmrc has one line.
func parts(v []byte) (list [][]byte, more bool) {
	add := func(key string, part []byte) {
		part = bytes.TrimSpace(part)
		if bytes.Equal(part, v) || !counts(key, part) || slices.ContainsFunc(list, func(p []byte) bool { return bytes.Equal(p, part) }) {
			return
		}
		if len(list) == maxParts {
			more = true
			return
		}
		list = append(list, bytes.Clone(part))
	}
	if bytes.HasPrefix(v, []byte("{")) || bytes.HasPrefix(v, []byte("[")) {
		var doc any
		if json.Unmarshal(v, &doc) == nil {
			walk("", doc, func(key, text string) {
				add(key, []byte(text))
				lineParts([]byte(text), add)
			})
			return list, more
		}
	}
	lineParts(v, add)
	return list, more
}

// walk calls f for every string in a document, with the name of its member, by
// rising names.
func walk(key string, doc any, f func(key, text string)) {
	switch doc := doc.(type) {
	case string:
		f(key, doc)
	case []any:
		for _, d := range doc {
			walk(key, d, f)
		}
	case map[string]any:
		names := make([]string, 0, len(doc))
		for name := range doc {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			walk(name, doc[name], f)
		}
	}
}

func lineParts(v []byte, add func(key string, part []byte)) {
	pem, first := "", false // the kind of the block of a private key; whether its first line is to come
	for line := range bytes.Lines(v) {
		line = bytes.TrimSpace(line)
		if m := pemBegin.FindSubmatch(line); m != nil {
			pem, first = string(m[1])+"PRIVATE KEY", true
			continue
		}
		if bytes.HasPrefix(line, []byte("-----END")) {
			pem = ""
			continue
		}
		if pem != "" {
			// The first line of an OpenSSH key is the same in all keys of its kind
			// (openssh-portable, PROTOCOL.key).
			if base64Line.Match(line) && !(first && pem == "OPENSSH PRIVATE KEY") {
				add("key", line)
			}
			first = first && !base64Line.Match(line)
			continue
		}
		if m := assignment.FindSubmatchIndex(line); m != nil {
			end := m[1]
			if line[end-1] == '"' || line[end-1] == '\'' {
				end-- // of the value
			}
			add(string(line[m[2]:m[3]]), unquote(line[end:]))
		}
		for _, m := range netrcSecret.FindAllSubmatch(line, -1) {
			add("password", m[1])
		}
		for _, m := range userinfo.FindAllSubmatch(line, -1) {
			secret := m[2]
			if len(secret) == 0 {
				secret = m[1]
			}
			add("password", secret)
			if plain, err := url.PathUnescape(string(secret)); err == nil {
				add("password", []byte(plain))
			}
		}
	}
}

// unquote takes the quotes and what ends a statement from the right side of
// an assignment.
func unquote(v []byte) []byte {
	v = bytes.TrimSpace(v)
	v = bytes.TrimRight(v, ",;")
	if len(v) < 2 || v[0] != '"' && v[0] != '\'' {
		return v
	}
	end := bytes.LastIndexByte(v[1:], v[0])
	if end < 0 {
		return v
	}
	v = v[:end+2]
	var s string
	if v[0] == '"' && json.Unmarshal(v, &s) == nil {
		return []byte(s)
	}
	return v[1 : len(v)-1]
}

// counts reports whether a part is a secret on its own. Without a name that
// says so, plain words are not: a credentials file has its region, too.
func counts(key string, part []byte) bool {
	if trivial(part) != "" || !secretName.MatchString(key) && wordy(part) {
		return false
	}
	return len(part) >= 12 || bytes.ContainsFunc(part, isDigit) &&
		strings.ContainsFunc(string(part), func(r rune) bool { return isAlnum(r) && !isDigit(r) })
}
