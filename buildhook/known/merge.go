package known

import (
	"slices"
	"strings"
)

// Bytes is the stored form, which [Parse] reads.
func (p *Prints) Bytes() []byte { return p.marshal() }

// Len is how many spellings there are.
func (p *Prints) Len() int { return len(p.entries) }

// Join returns fingerprints of what p looks for, and of what q does beyond
// that, with its names changed by rename; nil keeps them. Those of q count only
// if they were made with the same key.
func (p *Prints) Join(q *Prints, rename func(string) string) *Prints {
	if q.Empty() || !p.Empty() && p.keys.stored != q.keys.stored {
		return p
	}
	type id struct {
		length uint32
		mac    [16]byte
	}
	have := map[id]bool{}
	type named struct {
		entry
		name string
	}
	var all []named
	for _, e := range p.entries {
		have[id{e.length, e.mac}] = true
		all = append(all, named{e, p.names[e.name]})
	}
	for _, e := range q.entries {
		if have[id{e.length, e.mac}] {
			continue
		}
		name := q.names[e.name]
		if rename != nil {
			name = cutName(rename(name))
		}
		all = append(all, named{e, name})
	}
	out := &Prints{keys: q.keys}
	for _, n := range all {
		out.names = append(out.names, n.name)
	}
	slices.Sort(out.names)
	out.names = slices.Compact(out.names)
	if len(out.names) > 1<<16-1 {
		return p // they would not fit
	}
	for _, n := range all {
		i, _ := slices.BinarySearchFunc(out.names, n.name, strings.Compare)
		n.entry.name = uint16(i)
		out.entries = append(out.entries, n.entry)
	}
	slices.SortFunc(out.entries, func(a, b entry) int { return a.compare(&b) })
	out.entries = slices.CompactFunc(out.entries, func(a, b entry) bool { return a.compare(&b) == 0 })
	out.prepare()
	return out
}
