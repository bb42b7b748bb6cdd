package policy

// This file is faster than it is plain, for what every request needs of every header. It must equal the plain reading:
// names of headers compared in lower case, by ASCII's rules alone, and operations looked up in routes. FuzzFastPath
// compares the two.

// headersBySize are the headers by the length of their names: names of one length are few.
var headersBySize = func() (by [longestHeader + 1][]headerID) {
	for id, name := range headerNames {
		by[len(name)] = append(by[len(name)], headerID(id))
	}
	return by
}()

// headerIDOf finds the number of a header by its name in any case.
func headerIDOf(name string) (headerID, bool) {
	if len(name) > longestHeader {
		return 0, false
	}
	for _, id := range headersBySize[len(name)] {
		if sameFolded(name, headerNames[id]) {
			return id, true
		}
	}
	return 0, false
}

// equalFolded reports whether name is lower in any case.
func equalFolded(name, lower string) bool { return len(name) == len(lower) && sameFolded(name, lower) }

// beginsFolded reports whether name begins with lower in any case.
func beginsFolded(name, lower string) bool {
	return len(name) >= len(lower) && sameFolded(name[:len(lower)], lower)
}

// sameFolded compares two texts of one length. Names differ in their ends more than in how they begin.
func sameFolded(name, lower string) bool {
	for i := len(lower) - 1; i >= 0; i-- {
		if lowerLetter(name[i]) != lower[i] {
			return false
		}
	}
	return true
}

func lowerLetter(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// appendLower appends text in lower case.
func appendLower(dst []byte, text string) []byte {
	for i := range len(text) {
		dst = append(dst, lowerLetter(text[i]))
	}
	return dst
}

// familiesBy has the families by the letter after "x-amz-", so that most headers are compared with none.
var familiesBy = func() (by ['z' + 1][]string) {
	for _, f := range families {
		letter := f[len(amzPrefix)]
		by[letter] = append(by[letter], f)
	}
	return by
}()

// isPromise reports whether name, in any case, is of one of the families and not among servedElsewhere.
func isPromise(name string) bool {
	if len(name) <= len(amzPrefix) || name[len(amzPrefix)]|0x20 > 'z' {
		return false
	}
	for _, f := range familiesBy[name[len(amzPrefix)]|0x20] {
		if beginsFolded(name, f) {
			return !isServedElsewhere(name)
		}
	}
	return false
}

func isServedElsewhere(name string) bool {
	var buf [longestHeader]byte
	if len(name) > len(buf) {
		return false
	}
	_, served := servedElsewhere[string(appendLower(buf[:0], name))]
	return served
}

// plainRoutes are the routes without a query parameter, by level and number of the method; 0: none.
var plainRoutes = func() (by [onControl][len(methods)]Operation) {
	for r, op := range routes {
		if r.name == "" {
			by[r.at][methodNumber(r.method)] = op
		}
	}
	return by
}()

// routed finds the operation that a method and a place name.
func routed(method string, here place) (Operation, bool) {
	if here.name != "" {
		op, known := routes[route{method, here}]
		return op, known
	}
	i := methodNumber(method)
	if i < 0 || plainRoutes[here.at][i] == 0 {
		return 0, false
	}
	return plainRoutes[here.at][i], true
}

// methodNumber is a method's place in methods, -1 if it has none.
func methodNumber(method string) int {
	for i, m := range methods {
		if m == method {
			return i
		}
	}
	return -1
}
