package shellflow

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// flow notes what happens at once. What a file holds counts at the end.
func (r *run) flow(f Flow) {
	if len(r.flows) < maxSteps/8 {
		r.flows = append(r.flows, f)
	}
}

// constant notes a text of the script's own that goes into a file.
func (r *run) constant(key string, t text, pos, end int) {
	if !t.foreign && t.taint.none() && t.known() && strings.TrimSpace(t.s) != "" && len(r.texts) < maxSteps/64 {
		r.texts = append(r.texts, Constant{Path: plain(key), Text: t.s, Pos: pos, End: end})
	}
}

// result is what is known when the script has ended.
func (r *run) result() Result {
	res := Result{Opaque: r.stop, Steps: r.steps}
	keys := r.keys()
	for _, key := range keys {
		f := r.st.fs[key]
		where := r.placeOf(key)
		if where == nowhere {
			continue
		}
		for _, p := range f.parts {
			if !p.given {
				r.fileFlows(key, where, p)
			}
		}
		if t := f.taint(); len(t.labels) > 0 && where == inLayer {
			res.Files = append(res.Files, File{Path: plain(key), Labels: slices.Clone(t.labels), Dir: f.tree})
		}
	}
	for _, f := range r.in.Files {
		key := clean(f.Path)
		if g := r.st.fs[key]; g == nil || !g.given {
			rm := r.removals[key]
			rm.Path = f.Path
			res.Removed = append(res.Removed, rm)
		}
	}
	res.Flows, res.Constants = dedupe(r.flows), r.texts
	return res
}

// fileFlows are the flows that end in a file.
func (r *run) fileFlows(key string, where place, p part) {
	file := plain(key)
	if len(p.taint.labels) > 0 {
		f := Flow{Kind: p.kind, Labels: p.taint.labels, Path: file, By: p.by, Pos: p.pos, End: p.end}
		if where == inCache {
			f.Kind = Cached
		}
		r.flow(f)
	}
	for _, o := range p.taint.origins {
		if where == inCache && o.kind != Fetched {
			continue // not in the image
		}
		r.flow(Flow{Kind: o.kind, Labels: o.labels, Path: file, By: o.by, Pos: o.pos, End: o.end, Value: o.value})
	}
}

// dedupe sorts, and keeps the first of the flows that say the same: a file is
// one flow however often it is written to.
func dedupe(flows []Flow) []Flow {
	compare := func(a, b Flow) int {
		return cmp.Or(cmp.Compare(a.Pos, b.Pos), cmp.Compare(a.End, b.End), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.By, b.By), cmp.Compare(a.Value, b.Value), slices.Compare(a.Labels, b.Labels))
	}
	slices.SortFunc(flows, compare)
	type said struct {
		kind     Kind
		path, by string
		value    string
		labels   string
		pos      int
	}
	seen := map[said]bool{}
	var out []Flow
	for _, f := range flows {
		s := said{kind: f.Kind, path: f.Path, by: f.By, value: f.Value}
		for _, l := range f.Labels {
			s.labels += strconv.Itoa(int(l)) + ","
		}
		if f.Path == "" {
			s.pos = f.Pos
		}
		if seen[s] {
			continue
		}
		seen[s] = true
		f.Labels = slices.Clone(f.Labels)
		out = append(out, f)
	}
	return out
}
