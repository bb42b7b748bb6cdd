package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What the house promises of each room: nobody has to read more than a few files to understand one, and no struct is a
// global by another name.
const (
	largestCircle = 8  // files that need each other
	widestStruct  = 12 // fields, above which few files may write them
	fewWriters    = 10
)

// TestTheHouse reads every room of the module with go/types.
func TestTheHouse(t *testing.T) {
	for _, room := range rooms(t) {
		for _, circle := range room.circles() {
			if len(circle) > largestCircle {
				t.Errorf("%s: %d files need each other: %s", room.path, len(circle), strings.Join(circle, " "))
			}
		}
		for name, s := range room.structs() {
			if s.fields > widestStruct && len(s.writers) > fewWriters {
				t.Errorf("%s: %s has %d fields, and %d files write them: %s", room.path, name, s.fields, len(s.writers),
					strings.Join(slices.Sorted(maps.Keys(s.writers)), " "))
			}
		}
	}
}

// A room is a package with what go/types knows of it, without its tests.
type room struct {
	path    string
	fset    *token.FileSet
	files   []*ast.File
	info    *types.Info
	types   *types.Package
	imports []string
}

// rooms loads all packages of this module.
func rooms(t *testing.T) []*room {
	t.Helper()
	list := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles,Module,Imports",
		"sealfront/...")
	list.Stderr = os.Stderr
	output, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	type listed struct {
		ImportPath, Export, Dir string
		GoFiles, Imports        []string
		Module                  *struct{ Main bool }
	}
	exports, fset := map[string]string{}, token.NewFileSet()
	var own []listed
	for d := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if p.Module != nil && p.Module.Main {
			own = append(own, p)
		}
	}
	if len(own) < 20 {
		t.Fatalf("only %d packages of this module", len(own))
	}
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	load := importer.ForCompiler(fset, "gc", lookup)
	var all []*room
	for _, p := range own {
		r := &room{path: p.ImportPath, fset: fset, imports: p.Imports, info: &types.Info{
			Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{},
			Selections: map[*ast.SelectorExpr]*types.Selection{},
		}}
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			r.files = append(r.files, f)
		}
		if r.types, err = (&types.Config{Importer: load}).Check(p.ImportPath, fset, r.files, r.info); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func (r *room) file(p token.Pos) string { return filepath.Base(r.fset.Position(p).Filename) }

// needs are the files that each file needs: one uses what is declared in the other.
func (r *room) needs() map[string]map[string]bool {
	needs := map[string]map[string]bool{}
	for id, o := range r.info.Uses {
		if o.Pkg() != r.types || !o.Pos().IsValid() {
			continue
		}
		from, to := r.file(id.Pos()), r.file(o.Pos())
		if from == to {
			continue
		}
		if needs[from] == nil {
			needs[from] = map[string]bool{}
		}
		needs[from][to] = true
	}
	return needs
}

// circles are the sets of files that need each other, directly or by way of others (Tarjan).
func (r *room) circles() [][]string {
	needs := r.needs()
	var (
		stack, order []string
		index, low   = map[string]int{}, map[string]int{}
		on           = map[string]bool{}
		circles      [][]string
	)
	for _, f := range r.files {
		order = append(order, r.file(f.Package))
	}
	var visit func(string)
	visit = func(f string) {
		index[f], low[f] = len(index)+1, len(index)+1
		stack, on[f] = append(stack, f), true
		for to := range needs[f] {
			if index[to] == 0 {
				visit(to)
				low[f] = min(low[f], low[to])
			} else if on[to] {
				low[f] = min(low[f], index[to])
			}
		}
		if low[f] != index[f] {
			return
		}
		var circle []string
		for {
			top := stack[len(stack)-1]
			stack, on[top] = stack[:len(stack)-1], false
			circle = append(circle, top)
			if top == f {
				break
			}
		}
		if len(circle) > 1 {
			slices.Sort(circle)
			circles = append(circles, circle)
		}
	}
	for _, f := range order {
		if index[f] == 0 {
			visit(f)
		}
	}
	return circles
}

type writtenStruct struct {
	fields  int
	writers map[string]bool
}

// structs are the room's struct types: how many fields they have, with those of embedded ones of the room, and which
// files assign to them.
func (r *room) structs() map[string]*writtenStruct {
	structs, owner := map[string]*writtenStruct{}, map[types.Object][]string{}
	var fields func(name string, s *types.Struct) int
	fields = func(name string, s *types.Struct) (n int) {
		for f := range s.Fields() {
			owner[f] = append(owner[f], name)
			inner, isStruct := f.Type().Underlying().(*types.Struct)
			if named, ok := f.Type().(*types.Named); f.Embedded() && isStruct && ok && named.Obj().Pkg() == r.types {
				n += fields(name, inner)
				continue
			}
			n++
		}
		return n
	}
	for _, name := range r.types.Scope().Names() {
		o, ok := r.types.Scope().Lookup(name).(*types.TypeName)
		if !ok {
			continue
		}
		if s, ok := o.Type().Underlying().(*types.Struct); ok {
			structs[name] = &writtenStruct{writers: map[string]bool{}}
			structs[name].fields = fields(name, s)
		}
	}
	written := func(e ast.Expr) {
		for {
			switch v := e.(type) {
			case *ast.ParenExpr:
				e = v.X
				continue
			case *ast.StarExpr:
				e = v.X
				continue
			case *ast.IndexExpr:
				e = v.X
				continue
			case *ast.SelectorExpr:
				for _, name := range owner[r.info.Uses[v.Sel]] {
					structs[name].writers[r.file(v.Pos())] = true
				}
				e = v.X // what is assigned to a field of a field changes both
				continue
			}
			return
		}
	}
	for _, f := range r.files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch v := n.(type) {
			case *ast.AssignStmt:
				for _, e := range v.Lhs {
					written(e)
				}
			case *ast.IncDecStmt:
				written(v.X)
			}
			return true
		})
	}
	return structs
}

func (r *room) String() string { return fmt.Sprintf("%s (%d files)", r.path, len(r.files)) }

// TestTheReadersPathExists: doc.go leads a reader from file to file.
func TestTheReadersPathExists(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, path, _ := strings.Cut(string(text), "# A reader's path")
	path, _, found := strings.Cut(path, "# Decisions")
	if !found {
		t.Fatal("doc.go has no reader's path")
	}
	files, room := 0, ""
	for _, word := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(" \t\n,()", r) }) {
		name, ok := strings.CutSuffix(strings.TrimSuffix(word, ";"), ".go")
		if !ok {
			continue
		}
		if dir, file, inRoom := strings.Cut(name, "/"); inRoom {
			room = dir
			if sub, last, deeper := strings.Cut(file, "/"); deeper {
				room, file = dir+"/"+sub, last
			}
			name = file
		}
		files++
		if _, err := os.Stat(filepath.Join(room, name+".go")); err == nil {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", room, name+".go")); err != nil {
			if _, err := os.Stat(filepath.Join("../crypto", room, name+".go")); err != nil {
				t.Errorf("doc.go names %s/%s.go, which isn't there", room, name)
			}
		}
	}
	if files < 30 {
		t.Errorf("the reader's path has %d files", files)
	}
}
