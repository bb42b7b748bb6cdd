package command

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sealfront/proxy/config"
	"sealfront/proxy/instance"
	"sealfront/proxy/tools"
)

func rolesCommand() command {
	return command{
		name: "roles", summary: "show the roles, or end all sessions of one",
		synopsis: []string{
			"sealfront roles [" + toolWhere + "]", "sealfront roles end ROLE [" + toolWhere + "]",
		},
		description: []string{
			"Writes the roles of the configuration to stdout, in JSON, with the times at which their sessions were ended. end " +
				"ends all sessions of a role that have begun, those of CreateSession on top of them, and those of other roles " +
				"that were assumed through them: every replica refuses them within 5 seconds. Who may assume the role still " +
				"can: remove it from the configuration, or change its trust, to end that.",
			toolConnects,
		},
		operands: [2]int{0, 2},
		examples: []example{
			{"Credentials of a role have leaked", "sealfront roles end backup --config sealfront.yaml"},
		},
		files:       []entry{configFile, embeddedData},
		environment: []entry{awsChain},
		prepare:     prepareRoles,
	}
}

// A shownRole is a role as the command shows it.
type shownRole struct {
	Role       string         `json:"role"`
	ARN        string         `json:"arn"`
	MaxSession string         `json:"maxSession,omitempty"` // "" of one that isn't configured any more
	Trust      []config.Trust `json:"trust,omitempty"`
	Ended      uint64         `json:"ended"` // how often
	Last       *time.Time     `json:"lastEnded,omitempty"`
}

func prepareRoles(v *invocation) action {
	v.at.register(v.FlagSet)
	return func(ctx context.Context, operands []string) error {
		if len(operands) > 0 && (operands[0] != "end" || len(operands) != 2) {
			return usagef("roles takes nothing, or end and a role, but got %q\n%s", operands, v.command.usage())
		}
		return v.with(ctx, instance.Reading, func(p *instance.Instance, _ *tools.Installation) error {
			if len(operands) == 2 {
				if err := v.endSessions(ctx, p, strings.TrimPrefix(operands[1], "role/")); err != nil {
					return err
				}
			}
			return v.showRoles(ctx, p)
		})
	}
}

// endSessions ends the sessions of a role. One that was removed from the configuration may have some still, at replicas
// that haven't read it yet; a name that nobody knows is a typing error.
func (v *invocation) endSessions(ctx context.Context, p *instance.Instance, role string) error {
	ended, err := p.State.EndedRoles(ctx)
	if err != nil {
		return err
	}
	_, known := ended[role]
	if !known && !slices.ContainsFunc(p.Config.Roles, func(r config.Role) bool { return r.Name == role }) {
		return usagef("the configuration has no role %q", role)
	}
	if err := p.State.EndSessions(ctx, role); err != nil {
		return fmt.Errorf("end the sessions of the role %s: %w", role, err)
	}
	return nil
}

func (v *invocation) showRoles(ctx context.Context, p *instance.Instance) error {
	ended, err := p.State.EndedRoles(ctx)
	if err != nil {
		return err
	}
	list := []shownRole{}
	show := func(name string) *shownRole {
		s := shownRole{Role: name, ARN: "arn:aws:iam::" + p.Config.Account + ":role/" + name}
		if e, ok := ended[name]; ok {
			s.Ended, s.Last = e.Times, &e.Last
		}
		delete(ended, name)
		list = append(list, s)
		return &list[len(list)-1]
	}
	for i := range p.Config.Roles {
		r := &p.Config.Roles[i]
		s := show(r.Name)
		s.MaxSession, s.Trust = r.Session().String(), r.Trust
	}
	for _, name := range slices.Sorted(maps.Keys(ended)) {
		show(name)
	}
	return writeJSON(v.stdout, list)
}
