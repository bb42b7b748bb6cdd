package instance

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/config"
)

// Every setting is either put into force by a reload, or named by it as waiting for the next start: none is passed
// over.
func TestAReloadNamesWhatItLeaves(t *testing.T) {
	t.Parallel()
	seen := 0
	var walk func(at []int, typ reflect.Type, path string, covered bool)
	walk = func(at []int, typ reflect.Type, path string, covered bool) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := strings.TrimPrefix(path+"."+f.Tag.Get("yaml"), ".")
			here, reloaded := append(at[:len(at):len(at)], i), covered
			for _, r := range reloadable {
				reloaded = reloaded || r == name
			}
			if f.Type.Kind() == reflect.Struct {
				walk(here, f.Type, name, reloaded)
				continue
			}
			seen++
			a, b := config.Default(), config.Default()
			other(t, name, reflect.ValueOf(b).Elem().FieldByIndex(here))
			named := strings.Join(changes(a, b), " ")
			if reloaded && named != "" || !reloaded && named != name {
				t.Errorf("%s was changed, and the reload names %q as waiting; reloadable: %t", name, named, reloaded)
			}
		}
	}
	walk(nil, reflect.TypeFor[config.Config](), "", false)
	if seen < 60 {
		t.Errorf("only %d settings were looked at", seen)
	}
}

// other gives a setting another value.
func other(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + int64(time.Second))
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), v.Len()+1, v.Len()+1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), reflect.Zero(v.Type().Elem()))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	default:
		t.Fatalf("%s is of a kind that this test doesn't know: %v", name, v.Kind())
	}
}
