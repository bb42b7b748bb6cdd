package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A nasty name is one that a store may not hold exactly.
type nastyName struct {
	name string
	twin string // what it would be taken for, if that is not just any other of the names
	bad  func(n *Names)

	body, got    string
	read, listed bool
}

// segments that are tried, in bytes: none to speak of; a file's name; one that versitygw can replace, too, for which it
// makes a longer name in the same directory; a name in an encrypted directory.
var segmentSizes = [...]int{900, 255, 227, leastSegment}

var errPlainName = errors.New("the store didn't give back a plain name that it had taken")

// tryNames is names, twice where the store answered as one in trouble does. What came back once by every way is held.
func (p *probe) tryNames(ctx context.Context) (n Names, err error) {
	for range 2 {
		p.troubled.Store(false)
		var found Names
		if found, err = p.names(ctx); err != nil && !errors.Is(err, errPlainName) {
			return n, err
		}
		if err == nil {
			n = n.or(&found)
		}
		if err == nil && !p.troubled.Load() {
			break
		}
	}
	return n, err
}

// names puts nasty names, reads them back, lists them, continues from one of them, and deletes them, all in one go.
// What didn't come back by each of these ways is what the rule refuses.
func (p *probe) names(ctx context.Context) (Names, error) {
	n := AllNames()
	n.Segment = 0
	root := p.fresh("")
	nasty := []*nastyName{
		{name: "e1/a//b", twin: "e1/a/b", bad: func(n *Names) { n.EmptySegments = false }},
		{name: "e2//", twin: "e2/", bad: func(n *Names) { n.EmptySegments = false }},
		{name: "d1/a/./b", twin: "d1/a/b", bad: func(n *Names) { n.DotSegments = false }},
		{name: "d2/a/../b", twin: "d2/b", bad: func(n *Names) { n.DotSegments = false }},
		{name: "d3/a/..", twin: "d3", bad: func(n *Names) { n.DotSegments = false }},
		{name: "s1/.. /b", bad: func(n *Names) { n.SpacedDots = false }},
		{name: "s2/ .", bad: func(n *Names) { n.SpacedDots = false }},
		{name: "s3/\t../b", bad: func(n *Names) { n.SpacedDots = false }},
		{name: `b1/a\..\b`, bad: func(n *Names) { n.Backslashes = false }},
		{name: "folder/", bad: func(n *Names) { n.FolderKeys = false }},
	}
	// Names that are two, and one that every store holds.
	pairs := [][2]*nastyName{{{name: "case/A"}, {name: "case/a"}}, {{name: "form/\u00e9"}, {name: "form/e\u0301"}}}
	plain := &nastyName{name: "plain/name.txt"}
	nasty = append(nasty, pairs[0][0], pairs[0][1], pairs[1][0], pairs[1][1], plain)
	for i, w := range storeWords {
		bad := func(n *Names) { n.Words &^= Set(0).With(i) }
		at := "w" + strconv.Itoa(i)
		nasty = append(nasty, &nastyName{name: at + "a/" + w.word + "/x", bad: bad},
			&nastyName{name: at + "b/" + w.word, bad: bad})
		if w.suffix {
			nasty = append(nasty, &nastyName{name: at + "c/x" + w.word, bad: bad})
		}
	}
	for _, size := range segmentSizes {
		nasty = append(nasty, &nastyName{name: "long" + strconv.Itoa(size) + "/" + strings.Repeat("n", size)})
	}
	var odd strings.Builder
	odd.WriteString("c/")
	for i, r := range oddCharacters {
		fmt.Fprintf(&odd, "%02d%c", i, r)
	}
	characters := &nastyName{name: odd.String()}
	nasty = append(nasty, characters)

	for i, x := range nasty {
		x.name, x.body = root+x.name, strconv.Itoa(i)
		if x.twin != "" {
			x.twin = root + x.twin
		}
		if strings.HasSuffix(x.name, "/") {
			x.body = "" // some stores hold no bytes there
		}
	}
	defer p.forget(ctx, nasty)
	// Twice: what can't be replaced isn't held.
	for range 2 {
		if err := inParallel(nasty, func(x *nastyName) error {
			_, err := p.lenient(p.objects.Put(ctx, x.name, []byte(x.body), "*"))
			return err
		}); err != nil {
			return n, err
		}
	}
	if err := inParallel(nasty, func(x *nastyName) error {
		body, _, err := p.objects.Get(ctx, x.name)
		x.got = string(body)
		x.read = err == nil && x.got == x.body
		if _, err := p.lenient("", err); err != nil && !errors.Is(err, ErrNotExist) {
			return err
		}
		if x.twin != "" {
			_, _, err := p.objects.Get(ctx, x.twin)
			x.read = x.read && errors.Is(err, ErrNotExist)
		}
		return nil
	}); err != nil {
		return n, err
	}
	shown, err := p.shown(ctx, root, "")
	if errors.Is(err, errListing) { // a name with odd characters spoils the listing of all
		characters.read = false
		if err := p.objects.Delete(ctx, characters.name); err != nil {
			return n, err
		}
		shown, err = p.shown(ctx, root, "")
	}
	if err != nil {
		return n, err
	}
	for _, x := range nasty {
		if x.listed = shown[x.name]; x.bad != nil && !(x.read && x.listed) {
			x.bad(&n)
		}
	}
	if !plain.read || !plain.listed {
		return n, errPlainName
	}
	if n.FolderKeys { // some stores hold such an object and none of its metadata
		if n.FolderKeys, err = p.keepsMetadata(ctx, p.fresh("folder/"), "", "m"); err != nil {
			return n, err
		}
	}
	for _, pair := range pairs {
		if pair[0].got == pair[1].body || pair[1].got == pair[0].body {
			n.Distinct = false
		}
	}
	for i, size := range segmentSizes {
		if x := nasty[len(nasty)-1-len(segmentSizes)+i]; x.read && x.listed {
			if n.Segment = size; i == 0 {
				n.Segment = MaxName
			}
			break
		}
	}
	n.Characters = characters.kept(root, shown)
	// A marker of such a character is where it seems to be.
	for marker, follows := range map[string]bool{"c/00\x01": true, "c/00\x02": false} {
		shown, err := p.shown(ctx, root+"c/", root+marker)
		if errors.Is(err, errListing) {
			n.Characters = 0
			continue
		}
		if err != nil {
			return n, err
		}
		if (len(shown) > 0) != follows && !p.objects.client.directory {
			n.Characters = 0
		}
	}
	return n, nil
}

// kept compares the name of all odd characters with how it is listed, character by character.
func (x *nastyName) kept(root string, shown map[string]bool) (kept Set) {
	if !x.read {
		return 0
	}
	for name := range shown {
		rest, ok := strings.CutPrefix(name, root+"c/")
		if !ok {
			continue
		}
		for i, r := range oddCharacters {
			if strings.Contains(rest, fmt.Sprintf("%02d%c", i, r)) {
				kept = kept.With(i)
			}
		}
	}
	if kept != AllNames().Characters {
		for i, r := range oddCharacters {
			if r == '\uFFFD' { // it can't be told apart from the others
				kept &^= Set(0).With(i)
			}
		}
	}
	return kept
}

// lenient passes only those errors that say that the store could not be asked.
func (p *probe) lenient(etag string, err error) (string, error) {
	var f *Fault
	if errors.As(err, &f) && f.Status != 429 && f.Status != 503 {
		if f.Status >= 500 { // some stores answer so to a name, and all do in trouble
			p.troubled.Store(true)
		}
		return etag, nil
	}
	return etag, err
}

// shown are the names below prefix and after a marker, as the store lists them.
func (p *probe) shown(ctx context.Context, prefix, after string) (map[string]bool, error) {
	shown := make(map[string]bool)
	if p.objects.client.directory {
		after = "" // such a store continues from no name
	}
	_, err := p.objects.List(ctx, prefix, after, func(name, _ string, _ int64, _ time.Time) { shown[name] = true })
	var f *Fault
	if errors.As(err, &f) && f.Status < 500 {
		err = nil
	}
	return shown, err
}

// forget removes the names, and what they were taken for.
func (p *probe) forget(ctx context.Context, nasty []*nastyName) {
	_ = inParallel(nasty, func(x *nastyName) error {
		_ = p.objects.Delete(ctx, x.name)
		if x.twin != "" && !x.read {
			_ = p.objects.Delete(ctx, x.twin)
		}
		return nil
	})
}

func (p *probe) keyBesideChild(listed *bool) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		u := p.fresh("u")
		if _, err := p.put(ctx, u, "1", "*"); err != nil {
			return false, err
		}
		if _, err := p.put(ctx, u+"/p", "1", "*"); err != nil {
			return unlessRefused(err)
		}
		_, _, err := p.objects.Get(ctx, u)
		if errors.Is(err, ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		shown, err := p.shown(ctx, strings.TrimSuffix(u, "u"), "")
		*listed = shown[u] && shown[u+"/p"]
		return true, err
	}
}
