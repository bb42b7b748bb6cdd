package policy

// What the fast path does, and the tables that the plain reading is made from.

var (
	HeaderNames, Families, ServedElsewhere = headerNames[:], families[:], servedElsewhere

	EqualFolded, BeginsFolded, IsPromise = equalFolded, beginsFolded, isPromise
)

// HeaderNumber is the number of a header, -1 for one that no rule asks for.
func HeaderNumber(name string) int {
	if id, known := headerIDOf(name); known {
		return int(id)
	}
	return -1
}

// AppendLower is appendLower.
func AppendLower(dst []byte, text string) []byte { return appendLower(dst, text) }

// Levels are how many levels a query parameter can have.
const Levels = int(onControl) + 1

// Routed is routed for what can be asked of it: a resource of S3 Control always has a name.
func Routed(method string, level int, query string) (op Operation, known bool) {
	return routed(method, place{levelOf(level, query), query})
}

// PlainlyRouted looks through the table of operations.
func PlainlyRouted(method string, level int, query string) (op Operation, known bool) {
	for op := range Operations {
		o := operations[op]
		byPlace := op != ListDirectoryBuckets && op != CopyObject && op != UploadPartCopy
		if byPlace && o.method == method && o.at == levelOf(level, query) && o.query == query {
			return op, true
		}
	}
	return 0, false
}

func levelOf(n int, query string) level {
	if query == "" {
		return level(n % int(onControl))
	}
	return level(n % Levels)
}
