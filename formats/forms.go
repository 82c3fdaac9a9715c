package formats

import (
	"bytes"
	"iter"
	"strings"
)

// form says where files of a form are, and what reads them.
type form struct {
	// name is a base name in lower case, with at most one star in it.
	name string
	// in is the directory, or several with a space between: the file is in
	// one whose path ends so. With /** at its end, the file may be deeper in
	// it. "": anywhere.
	in     string
	binary bool // it may have NUL bytes
	any    bool // files of many forms are called so
	find   func(*doc)
}

// index has the forms by what is looked up first.
type index struct {
	name, ext, dir map[string][]*form
}

// all is made once, from the tables of the families, and never changed.
var all = makeIndex(packageForms(), cloudForms(), databaseForms(), serviceForms(), networkForms(), systemForms(),
	kubernetesForms(), frameworkForms(), toolForms(), generalForms())

func makeIndex(families ...[]form) *index {
	x := &index{name: map[string][]*form{}, ext: map[string][]*form{}, dir: map[string][]*form{}}
	for _, fs := range families {
		for i := range fs {
			f := &fs[i]
			if !strings.Contains(f.name, "*") {
				x.name[f.name] = append(x.name[f.name], f)
				continue
			}
			if dot := strings.LastIndexByte(f.name, '.'); dot >= 0 && strings.LastIndexByte(f.name, '*') < dot {
				x.ext[f.name[dot:]] = append(x.ext[f.name[dot:]], f)
				continue
			}
			if f.in == "" {
				panic("formats: the name " + f.name + " wants a directory")
			}
			for _, in := range strings.Fields(f.in) {
				in = strings.TrimSuffix(in, "/**")
				last := in[strings.LastIndexByte(in, '/')+1:]
				if fs := x.dir[last]; len(fs) == 0 || fs[len(fs)-1] != f {
					x.dir[last] = append(fs, f)
				}
			}
		}
	}
	return x
}

// formsOf yields the forms of the file at path, in lower case.
func formsOf(path []byte) iter.Seq[*form] {
	return func(yield func(*form) bool) {
		slash := bytes.LastIndexByte(path, '/')
		base := path[slash+1:]
		dir := path[:max(slash, 0)]
		for _, f := range all.name[string(base)] {
			if f.inDir(dir) && !yield(f) {
				return
			}
		}
		if dot := bytes.LastIndexByte(base, '.'); dot >= 0 {
			for _, f := range all.ext[string(base[dot:])] {
				if f.named(base) && f.inDir(dir) && !yield(f) {
					return
				}
			}
		}
		up := dir
		for range 6 { // how deep /** is: a path could be made of one name only
			if len(up) == 0 {
				return
			}
			slash := bytes.LastIndexByte(up, '/')
			for _, f := range all.dir[string(up[slash+1:])] {
				if f.named(base) && f.inDirAt(dir, up) && !yield(f) {
					return
				}
			}
			up = up[:max(slash, 0)]
		}
	}
}

func (f *form) named(base []byte) bool {
	star := strings.IndexByte(f.name, '*')
	if star < 0 {
		return string(base) == f.name
	}
	before, after := f.name[:star], f.name[star+1:]
	return len(base) >= len(before)+len(after) && string(base[:len(before)]) == before && string(base[len(base)-len(after):]) == after
}

// inDirAt is inDir for the one directory that was looked up.
func (f *form) inDirAt(dir, up []byte) bool {
	for rest := f.in; rest != ""; {
		var in string
		in, rest, _ = strings.Cut(rest, " ")
		if cut, deep := strings.CutSuffix(in, "/**"); deep && endsIn(up, cut) || !deep && len(up) == len(dir) && endsIn(dir, in) {
			return true
		}
	}
	return false
}

func (f *form) inDir(dir []byte) bool {
	if f.in == "" {
		return true
	}
	for rest := f.in; rest != ""; {
		var in string
		in, rest, _ = strings.Cut(rest, " ")
		if cut, deep := strings.CutSuffix(in, "/**"); deep {
			for d := dir; len(d) > 0; d = d[:max(bytes.LastIndexByte(d, '/'), 0)] {
				if endsIn(d, cut) {
					return true
				}
			}
		} else if endsIn(dir, in) {
			return true
		}
	}
	return false
}

// endsIn reports whether dir is in, or ends in it after a slash.
func endsIn(dir []byte, in string) bool {
	n := len(dir) - len(in)
	return n >= 0 && string(dir[n:]) == in && (n == 0 || dir[n-1] == '/')
}
