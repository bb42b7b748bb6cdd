package policy

// match reports whether s matches pattern, in which * stands for any characters, also none, ? for one, and what follows
// a NUL for itself (see appendLiteral). Work is bounded by len(pattern)·len(s), and needs no memory.
func match(pattern, s string) bool { return matchText(pattern, s) }

// matchBytes is match for text that is not a string.
func matchBytes(pattern string, s []byte) bool { return matchText(pattern, s) }

func matchText[T string | []byte](pattern string, s T) bool {
	p, i := 0, 0
	star, resume := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, i
			p++
		case p < len(pattern) && pattern[p] == 0 && pattern[p+1] == s[i]:
			p += 2
			i++
		case p < len(pattern) && pattern[p] != 0 && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			resume++
			p, i = star+1, resume
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// appendLiteral appends the pattern that only text matches. Patterns of policies hold no NUL of their own.
func appendLiteral(pattern []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c == '*' || c == '?' || c == 0 {
			pattern = append(pattern, 0)
		}
		pattern = append(pattern, text[i])
	}
	return pattern
}
