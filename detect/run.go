package detect

// classRun is what is left to go by when a pattern has no literal: so many
// bytes in a row that are all in one set, such as 40 hex digits. It is looked
// for where the rule's keyword opened the gate, in steps of its length.
type classRun struct {
	set    byteSet
	n      int
	lead   size // from the match's start to the run's
	length size
}

const minRun = 12 // shorter ones are too common to be worth it

// newClassRun returns the run that every one of the sequences has, or nil.
func newClassRun(seqs [][]*item, length size) *classRun {
	c := &classRun{n: infinite, length: length}
	for i, seq := range seqs {
		var lead, best size
		n, bestAt := 0, -1
		for k, it := range seq {
			// Neither a gap nor anything whose size depends on case.
			if it.set != nil && it.size.wide == 1 && lead.wide < infinite {
				same := 1
				for k+same < len(seq) && seq[k+same] == it {
					same++
				}
				if same > n {
					n, bestAt, best = same, k, lead
				}
			}
			lead = lead.plus(it.size)
		}
		if n < minRun {
			return nil
		}
		c.n = min(c.n, n)
		c.set.union(seq[bestAt].set)
		if i == 0 {
			c.lead = best
		} else {
			c.lead = c.lead.or(best)
		}
	}
	if len(seqs) == 0 || length.wide >= infinite {
		return nil
	}
	return c
}

// windows adds the windows around all runs for matches in d[from:commit].
func (c *classRun) windows(d []byte, from, commit int, st *ruleState) {
	end := min(len(d), commit+c.lead.wide+c.n)
	for i := from; i+c.n <= end; {
		last := i + c.n - 1
		if !c.set[d[last]] {
			i = last + 1
			continue
		}
		k := last
		for k > i && c.set[d[k-1]] {
			k--
		}
		if k > i {
			i = k
			continue
		}
		for last < len(d) && c.set[d[last]] {
			last++
		}
		st.add(span{
			max(0, i-c.lead.wide-context),
			min(len(d), last-c.n-c.lead.min+c.length.wide+context),
		})
		i = last + 1
	}
}
