# Renders the JSON of "leakscan check", which has a field a line, as markdown or
# as annotations of the runner: -v as=markdown|github|count, -v root=DIRECTORY.

# text decodes a JSON string. What would be a control character stays escaped.
function text(s,    out, i, c, u) {
	sub(/^[^:]*: "/, "", s)
	sub(/",?$/, "", s)
	out = ""
	while ((i = index(s, "\\")) > 0) {
		out = out substr(s, 1, i - 1)
		c = substr(s, i + 1, 1)
		u = substr(s, i, 6)
		if (c == "\"" || c == "\\" || c == "/") { out = out c; s = substr(s, i + 2) }
		else if (c == "n" || c == "t") { out = out " "; s = substr(s, i + 2) }
		else if (u == "\\u003c") { out = out "<"; s = substr(s, i + 6) }
		else if (u == "\\u003e") { out = out ">"; s = substr(s, i + 6) }
		else if (u == "\\u0026") { out = out "&"; s = substr(s, i + 6) }
		else { out = out "\\" c; s = substr(s, i + 2) }
	}
	return out s
}

# md makes a text one that Markdown shows as it is.
function md(s) {
	gsub(/&/, "\\&amp;", s)
	gsub(/</, "\\&lt;", s)
	gsub(/>/, "\\&gt;", s)
	gsub(/\|/, "\\&#124;", s)
	gsub(/`/, "\\&#96;", s)
	gsub(/\*/, "\\&#42;", s)
	gsub(/_/, "\\&#95;", s)
	gsub(/\[/, "\\&#91;", s)
	gsub(/\]/, "\\&#93;", s)
	gsub(/~/, "\\&#126;", s)
	gsub(/\\/, "\\&#92;", s)
	gsub(/@/, "\\&#64;", s)
	gsub(/:\/\//, ":\\&#47;\\&#47;", s)
	return s
}

# data escapes a text for a workflow command, property one of its properties.
function data(s) { gsub(/%/, "%25", s); gsub(/\r/, "%0D", s); gsub(/\n/, "%0A", s); return s }
function property(s) { s = data(s); gsub(/:/, "%3A", s); gsub(/,/, "%2C", s); return s }

function relative(f) {
	if (root != "" && index(f, root "/") == 1) f = substr(f, length(root) + 2)
	return f
}

/^  "problems": \[$/ { inside = 1; next }
/^  \]/ { inside = 0 }
/^  "complete": false/ { gaps = 1 }
!inside { next }
/^    \{$/ { n++; next }
/^      "check": "/ { check[n] = text($0) }
/^      "title": "/ { title[n] = text($0) }
/^      "message": "/ { message[n] = text($0) }
/^      "severity": "/ { severity[n] = text($0) }
/^      "fix": "/ { fix[n] = text($0) }
/^      "span": \{$/ { span = 1 }
/^      \}/ { span = 0 }
span && /^        "file": "/ { file[n] = relative(text($0)) }
span && /^        "line": [0-9]+/ { line[n] = $2 + 0 }

END {
	if (as == "count") { print n + 0; exit }
	split("critical high medium low", order, " ")
	if (as == "markdown") {
		head = n ? n " problem" (n == 1 ? "" : "s") " in the Dockerfile" : "no problems in the Dockerfile"
		printf "## %s leakscan check: %s%s\n\n", n ? "❌" : gaps ? "⚠️" : "✅", head, gaps ? "; not everything could be followed" : ""
		if (n) print "| | Check | Where | What |\n|---|---|---|---|"
	}
	for (o = 1; o <= 4; o++) {
		kind = o <= 2 ? "error" : o == 3 ? "warning" : "notice"
		for (i = 1; i <= n; i++) {
			if (severity[i] != order[o]) continue
			if (as == "markdown")
				printf "| **%s** | %s | %s:%d | %s. %s |\n", severity[i], md(check[i]), md(file[i]), line[i], md(message[i]), md(fix[i])
			else if (++told[kind] <= 10)
				printf "::%s file=%s,line=%d,title=%s::%s\n", kind, property(file[i]), line[i], property(title[i] " (" severity[i] ")"), data(message[i] ". " fix[i])
		}
	}
	if (as == "markdown") print ""
}
