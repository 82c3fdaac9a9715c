package layerwalk

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode"
)

// maxWords is how many words of a command are put together.
const maxWords = 10_000

// isJSON reports whether a document that starts with b is meant to be JSON.
func isJSON(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}

// commandFields hold a command in pieces, which mean something to a rule only
// when they are put together: ["curl", "-u", "user:pass"].
var commandFields = map[string]bool{"Cmd": true, "Entrypoint": true, "Test": true, "Shell": true, "args": true}

// jsonEntries yields every string and number of a JSON document as an entry,
// unknown fields included, in the order of the document.
//
// Of a document over limit bytes the rest goes out as it is: a decoder holds a
// string in memory, however long it is.
func jsonEntries(r *bufio.Reader, limit int64) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		if b, _ := r.Peek(3); string(b) == "\xef\xbb\xbf" {
			r.Discard(3)
		}
		head := &io.LimitedReader{R: r, N: limit}
		dec := json.NewDecoder(head)
		dec.UseNumber()
		w := &jsonWalk{dec: dec, yield: yield}
		t, err := dec.Token()
		if err = eof(err); err == nil {
			err = w.token(t, "", "", 0)
		}
		if err == errStop {
			return
		}
		rest := io.MultiReader(dec.Buffered(), r)
		if err != nil {
			// Nothing that can be read is lost: the rest goes out as it is.
			if _, perr := r.Peek(1); head.N == 0 && perr == nil {
				if !yield(nil, &Problem{Kind: Limit, Reason: fmt.Sprintf("a JSON document of more than %d bytes: what is behind them was scanned as it is", limit)}) {
					return
				}
			} else if !yield(nil, &Problem{Kind: Unreadable, Reason: fmt.Sprintf("damaged JSON at byte %d: %v; the rest was scanned as it is", dec.InputOffset(), err)}) {
				return
			}
			yield(&Entry{Type: TypeUnparsed, Size: -1, body: rest}, nil)
			return
		}
		br := bufio.NewReader(rest)
		for {
			c, err := br.ReadByte()
			if err != nil {
				return
			}
			if !unicode.IsSpace(rune(c)) {
				br.UnreadByte()
				yield(&Entry{Type: TypeUnparsed, Size: -1, body: br}, nil)
				return
			}
		}
	}
}

var errStop = fmt.Errorf("the consumer has had enough")

// maxJSON is how much of a document is read as JSON: the SBOMs of large images
// have some ten megabytes.
const maxJSON = 32 << 20

// maxJSONDepth keeps a document of brackets from exhausting the stack.
const maxJSONDepth = 200

type jsonWalk struct {
	dec   *json.Decoder
	yield func(*Entry, error) bool
}

// eof is io.EOF where a document is not at its end.
func eof(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (w *jsonWalk) token(t json.Token, path, key string, depth int) error {
	if depth > maxJSONDepth {
		return fmt.Errorf("more than %d levels", maxJSONDepth)
	}
	switch v := t.(type) {
	case string:
		return w.text(path, key, v)
	case json.Number:
		return w.text(path, key, v.String())
	case json.Delim:
		if v == '[' {
			return w.array(path, key, depth)
		}
		for w.dec.More() {
			k, err := w.dec.Token()
			if err != nil {
				return err
			}
			name := k.(string)
			t, err := w.dec.Token()
			if err != nil {
				return eof(err)
			}
			at := join(path, name)
			switch t.(type) {
			case string, json.Number: // the name goes with them
			default:
				if len(name) >= 8 && !w.yield(&Entry{Name: at, Type: TypeField, Size: int64(len(name)), body: strings.NewReader(name)}, nil) {
					return errStop
				}
			}
			if err := w.token(t, at, name, depth+1); err != nil {
				return err
			}
		}
		_, err := w.dec.Token()
		return err
	}
	return nil
}

func (w *jsonWalk) array(path, key string, depth int) error {
	var words []string // of a command
	for i := 0; w.dec.More(); i++ {
		t, err := w.dec.Token()
		if err != nil {
			return err
		}
		if s, ok := t.(string); ok && commandFields[key] {
			if words = append(words, s); len(words) == maxWords {
				if err := w.text(path, "", strings.Join(words, " ")); err != nil {
					return err
				}
				words = nil
			}
			continue
		}
		if err := w.token(t, path+"["+strconv.Itoa(i)+"]", "", depth+1); err != nil {
			return err
		}
	}
	if _, err := w.dec.Token(); err != nil {
		return err
	}
	if len(words) > 0 {
		return w.text(path, "", strings.Join(words, " "))
	}
	return nil
}

func (w *jsonWalk) text(path, key, s string) error {
	e := &Entry{Name: path, Type: TypeField, Size: int64(len(s)), body: strings.NewReader(s)}
	if key != "" {
		e.Prefix = key + "="
	}
	if !w.yield(e, nil) {
		return errStop
	}
	return nil
}

// join adds a member to a path: a.b, or a["b.c"] where the name needs quotes.
func join(path, name string) string {
	plain := name != ""
	for i := 0; plain && i < len(name); i++ {
		c := name[i]
		plain = c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	switch {
	case !plain:
		return shortPath(path + "[" + strconv.Quote(name) + "]")
	case path == "":
		return shortPath(name)
	}
	return shortPath(path + "." + name)
}
