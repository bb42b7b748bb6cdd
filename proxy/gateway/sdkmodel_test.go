package gateway_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
)

// A modelOperation is what an SDK may send with an operation: names of headers in lower case, of query parameters, and
// the paths of its document's elements, from the root on.
type modelOperation struct {
	Method, URI                string
	Headers, Queries, Elements []string
}

// goModel reads the operations that the Go SDK serializes out of its source: whatever a request can hold is written
// there.
func goModel(t *testing.T) map[string]*modelOperation {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/s3").Output()
	if err != nil {
		t.Fatalf("find the SDK's source: %v", err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "serializers.go"),
		nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	functions := make(map[string]*ast.FuncDecl)
	model := make(map[string]*modelOperation)
	of := func(name string) *modelOperation {
		if model[name] == nil {
			model[name] = &modelOperation{}
		}
		return model[name]
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			functions[f.Name.Name] = f
		}
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if name, ok := strings.CutPrefix(f.Name.Name, "awsRestxml_serializeOpHttpBindings"); ok {
			o := of(strings.TrimSuffix(name, "Input"))
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "locationName" {
						o.Headers = append(o.Headers, strings.ToLower(literal(n.Rhs[0])))
					}
				case *ast.CallExpr:
					if called(n) == "SetQuery" {
						o.Queries = append(o.Queries, literal(n.Args[0]))
					}
				}
				return true
			})
		}
		if f.Recv == nil || f.Name.Name != "HandleSerialize" {
			continue
		}
		receiver := f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name
		o := of(strings.TrimPrefix(receiver, "awsRestxml_serializeOp"))
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if s, ok := n.Lhs[0].(*ast.SelectorExpr); ok && s.Sel.Name == "Method" {
					o.Method = literal(n.Rhs[0])
				}
			case *ast.CallExpr:
				if called(n) == "SplitURI" {
					o.URI = literal(n.Args[0])
				}
			}
			return true
		})
		o.Elements = elementsOf(functions, f, "", false, nil)
	}
	return model
}

// elementsOf follows the functions that write elements, in the order in which the source names them. flat: f writes a
// list whose members have the name that the path ends in.
func elementsOf(functions map[string]*ast.FuncDecl, f *ast.FuncDecl, path string, flat bool,
	above []string,
) (paths []string) {
	if slices.Contains(above, f.Name.Name) {
		return nil // a document in itself: once is enough
	}
	above = append(slices.Clone(above), f.Name.Name)
	name, flattens := "", false
	at := func() string { return strings.Trim(path+"/"+name, "/") }
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "customMemberName" && flat {
				return false
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Local" {
				name = literal(n.Value)
			}
		case *ast.CallExpr:
			switch to := called(n); {
			case to == "FlattenedElement" || to == "MemberElement":
				flattens = to == "FlattenedElement"
			case strings.HasPrefix(to, "awsRestxml_serializeDocument"):
				paths = append(paths, elementsOf(functions, functions[to], at(), flattens, above)...)
			case slices.Contains([]string{"String", "Boolean", "Integer", "Long", "Float", "Double", "Write"}, to) &&
				path != "":
				if x, ok := n.Fun.(*ast.SelectorExpr).X.(*ast.Ident); ok && (x.Name == "el" || x.Name == "am") {
					paths = append(paths, at())
				}
			}
		}
		return true
	})
	return paths
}

// called is the name of the function or method that is called.
func called(n *ast.CallExpr) string {
	switch f := n.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) string {
	if b, ok := e.(*ast.BasicLit); ok {
		s, _ := strconv.Unquote(b.Value)
		return s
	}
	return ""
}

// pythonModel is botocore's service model in the same form.
const pythonModel = `
import botocore.session, json
s3 = botocore.session.get_session().get_service_model("s3")
def walk(shape, path, out, above):
    if shape.name in above: return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            s = member.serialization
            if s.get("location") or s.get("xmlAttribute"): continue
            walk(member, path + [s.get("name", name)], out, above + [shape.name])
    elif shape.type_name == "list":
        inner = [] if shape.serialization.get("flattened") else [shape.member.serialization.get("name", "member")]
        walk(shape.member, path + inner, out, above)
    else: out.append("/".join(path))
model = {}
for name in s3.operation_names:
    o = s3.operation_model(name)
    one = model[name] = {"Method": o.http["method"], "URI": o.http["requestUri"], "Headers": [], "Queries": [], "Elements": []}
    if not o.input_shape: continue
    for n, member in o.input_shape.members.items():
        where = {"header": "Headers", "querystring": "Queries"}.get(member.serialization.get("location"))
        if where: one[where].append(member.serialization["name"].lower() if where == "Headers" else member.serialization["name"])
    payload = o.input_shape.serialization.get("payload")
    if payload and o.input_shape.members[payload].type_name == "structure":
        member = o.input_shape.members[payload]
        walk(member, [member.serialization.get("name", payload)], one["Elements"], [])
print(json.dumps(model))
`

func botocoreModel(t *testing.T) map[string]*modelOperation {
	t.Helper()
	text, err := exec.Command("python3", "-c", pythonModel).Output()
	if err != nil {
		proxytest.MissingPython(t, "botocore, whose service model would be compared as well, is not installed")
	}
	var model map[string]*modelOperation
	if err := json.Unmarshal(text, &model); err != nil {
		t.Fatal(err)
	}
	return model
}

// Whatever the newest SDKs can send has a row in testdata/model.txt: it is served, refused, or ignored for a reason;
// and no row says what the program doesn't do: each is sent.
func TestEverythingThatSDKsSendHasARow(t *testing.T) {
	t.Parallel()
	m := newModelCheck(t)
	t.Run("aws-sdk-go-v2", func(t *testing.T) { m.compare(t, goModel(t)) })
	t.Run("botocore", func(t *testing.T) { m.compare(t, botocoreModel(t)) })
	t.Run("rows", m.unused)
}

// compare checks each operation of a model and everything in it.
func (m *modelCheck) compare(t *testing.T, model map[string]*modelOperation) {
	if len(model) < 100 {
		t.Fatalf("the model has %d operations only", len(model))
	}
	for _, name := range slices.Sorted(maps.Keys(model)) {
		o := model[name]
		t.Run(name, func(t *testing.T) {
			if o.Method == "" || o.URI == "" {
				t.Fatalf("not understood: %+v", o)
			}
			request := m.requests[name]
			if request == nil {
				m.unserved(t, name, o)
				return
			}
			for _, header := range o.Headers {
				m.check(t, "header", name, header)
			}
			for _, query := range o.Queries {
				m.check(t, "query", name, query)
			}
			for _, element := range o.Elements {
				m.checkElement(t, name, element)
			}
		})
	}
}
