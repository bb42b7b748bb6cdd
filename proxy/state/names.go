package state

import (
	"context"
	"time"
)

// How often a name is put, and the pause in between.
const (
	nameAttempts = 5
	namePause    = 20 * time.Millisecond
)

// putName puts an empty object whose name says everything. A store over files makes and removes folders behind names:
// one that is removed with its last entry, while another name is put into it, can fail that with a conflict, although
// nothing is asked for that could be in one. What is put is the same each time, so it is tried again.
func (s *State) putName(ctx context.Context, name string) (err error) {
	for range nameAttempts {
		if _, err = s.objects.Put(ctx, name, nil, "*"); !conflict(err) {
			return err
		}
		pause := time.NewTimer(namePause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
	}
	return err
}
