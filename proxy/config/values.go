package config

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bytes is a size: a number of bytes, or a number with KiB, MiB, GiB or TiB.
type Bytes int64

// UnmarshalYAML reads 1GiB and the like.
func (b *Bytes) UnmarshalYAML(node *yaml.Node) error {
	value := strings.TrimSpace(node.Value)
	factor := int64(1)
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if number, ok := strings.CutSuffix(value, unit); ok {
			value, factor = strings.TrimSpace(number), 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return fmt.Errorf("%q is not a size such as 1GiB", node.Value)
	}
	*b = Bytes(n * factor)
	return nil
}

// List is a list of strings; a single string counts as a list of one, as in AWS policies.
type List []string

// UnmarshalYAML takes a string or a list of strings.
func (l *List) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*l = List{node.Value}
		return nil
	}
	var many []string
	if err := node.Decode(&many); err != nil {
		return fmt.Errorf("must be a string or a list of strings")
	}
	*l = many
	return nil
}
