package main

import (
	"fmt"
	"hash/maphash"
	"strings"

	"github.com/anishathalye/porcupine"
)

// The model of TestLinearizable: what a few keys hold, and which operations in several steps are in progress.

type linearValue struct {
	tokens string // "": there is no object
	meta   string
}

type linearState struct {
	keys  [linearKeys]linearValue
	locks [linearKeys]int // operations that hold a key's claim; 0: none
	moved string          // what copies and renames in progress have read: " ID=tokens|meta;"
	done  uint64          // completed uploads
}

// A step of an operation. id is the operation's and is not 0.
type linearStep struct {
	kind     string
	id       int
	key, to  int
	tokens   string // that are written, or appended
	meta     string
	offset   int
	upload64 uint64
}

// A result is what the client was told.
type linearResult struct {
	unknown bool // or what isn't to be relied on
	status  int
	tokens  string
	meta    string
}

func (s linearState) capture(id, key int) linearState {
	s.moved += fmt.Sprintf(" %d=%s|%s;", id, s.keys[key].tokens, s.keys[key].meta)
	return s
}

// captured returns what an operation has read and whether it has.
func (s linearState) captured(id int) (linearValue, bool) {
	_, rest, ok := strings.Cut(s.moved, fmt.Sprintf(" %d=", id))
	text, _, _ := strings.Cut(rest, ";")
	tokens, meta, _ := strings.Cut(text, "|")
	return linearValue{tokens, meta}, ok
}

func (s linearState) forget(id int) linearState {
	before, rest, ok := strings.Cut(s.moved, fmt.Sprintf(" %d=", id))
	if ok {
		_, after, _ := strings.Cut(rest, ";")
		s.moved = before + after
	}
	return s
}

// next returns the states that a step may lead to, none when it can't have been told what it was.
func (s linearState) next(in *linearStep, out *linearResult) []linearState {
	at := s.keys[in.key]
	var same []linearState
	if out.unknown {
		same = []linearState{s}
	}
	is := func(next linearState) []linearState { return append(same, next) }
	check := func(ok bool) []linearState {
		if ok {
			return []linearState{s}
		}
		return same
	}
	changed := func(v linearValue) linearState {
		n := s
		n.keys[in.key] = v
		return n
	}
	refused := !out.unknown && out.status >= 400
	switch in.kind {
	case "get", "head":
		if out.status == 404 {
			return check(at.tokens == "")
		}
		if in.kind == "head" {
			return check(at.meta == out.meta && lengthOf(at.tokens) == lengthOf(out.tokens))
		}
		return check(at == linearValue{out.tokens, out.meta})
	case "listed":
		return check(at.tokens != "")
	case "unlisted":
		return check(at.tokens == "")
	case "put":
		return is(changed(linearValue{in.tokens, in.meta}))
	case "create": // If-None-Match: *
		if refused {
			return check(at.tokens != "")
		}
		if at.tokens != "" {
			return same
		}
		return is(changed(linearValue{in.tokens, in.meta}))
	case "replace": // If-Match; refused is nothing that can be checked, since ETags say more than the model knows
		if refused {
			return check(true)
		}
		if at.tokens != out.tokens && !out.unknown || at.tokens == "" {
			return same
		}
		return is(changed(linearValue{in.tokens, in.meta}))
	case "delete":
		return is(changed(linearValue{}))
	case "self": // a copy onto itself with other metadata
		if refused {
			return check(out.status != 404 || at.tokens == "")
		}
		if at.tokens == "" || s.locks[in.key] != 0 {
			return same
		}
		return is(changed(linearValue{at.tokens, in.meta}))
	case "append":
		if refused {
			return check(true)
		}
		if at.tokens == "" || lengthOf(at.tokens) != in.offset || s.locks[in.key] != 0 {
			return same
		}
		return is(changed(linearValue{at.tokens + in.tokens, at.meta}))
	case "complete":
		switch {
		case refused || s.done&in.upload64 != 0:
			return check(true)
		case s.locks[in.key] != 0:
			return same
		}
		n := changed(linearValue{in.tokens, in.meta})
		n.done |= in.upload64
		return is(n)
	case "copy reads":
		if refused {
			return check(out.status != 404 || at.tokens == "")
		}
		if at.tokens == "" {
			return same
		}
		return is(s.capture(in.id, in.key))
	case "copy writes":
		v, ok := s.captured(in.id)
		if refused {
			return check(true)
		}
		if !ok {
			return same
		}
		n := s.forget(in.id)
		n.keys[in.to] = linearValue{v.tokens, in.meta}
		return is(n)
	case "rename reads":
		if refused {
			return check(out.status != 404 || at.tokens == "")
		}
		if at.tokens == "" {
			return same
		}
		n := s.capture(in.id, in.key)
		if !out.unknown {
			if s.locks[in.key] != 0 || s.locks[in.to] != 0 {
				return nil
			}
			n.locks[in.key], n.locks[in.to] = in.id, in.id
		}
		return is(n)
	case "rename writes":
		v, ok := s.captured(in.id)
		if refused {
			return check(true)
		}
		if !ok {
			return same
		}
		n := s
		n.moved += fmt.Sprintf(" %dw", in.id)
		n.keys[in.to] = v
		return is(n)
	case "rename deletes":
		v, ok := s.captured(in.id)
		if refused {
			return check(true)
		}
		if !ok || !s.written(in.id) {
			return same
		}
		n := s.forget(in.id)
		n.moved = strings.Replace(n.moved, fmt.Sprintf(" %dw", in.id), "", 1)
		if at == v {
			n.keys[in.key] = linearValue{}
		}
		if !out.unknown {
			n.locks[in.key], n.locks[in.to] = 0, 0
		}
		return is(n)
	}
	panic(in.kind)
}

// written reports whether a rename has written to its new name.
func (s linearState) written(id int) bool { return strings.Contains(s.moved, fmt.Sprintf(" %dw", id)) }

var linearSeed = maphash.MakeSeed()

var linearModel = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{linearState{}} },
	Step: func(state, input, output any) []any {
		var next []any
		for _, s := range state.(linearState).next(input.(*linearStep), output.(*linearResult)) {
			next = append(next, s)
		}
		return next
	},
	Equal: func(a, b any) bool { return a.(linearState) == b.(linearState) },
	Hash:  func(s any) uint64 { return maphash.Comparable(linearSeed, s.(linearState)) },
	DescribeOperation: func(input, output any) string {
		in, out := input.(*linearStep), output.(*linearResult)
		return fmt.Sprintf("%s k%d→k%d %s%s: %d %s%s %t", in.kind, in.key, in.to, in.tokens, in.meta, out.status, out.tokens,
			out.meta, out.unknown)
	},
}).ToModel
