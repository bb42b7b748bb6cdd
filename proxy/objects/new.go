package objects

import (
	"go.uber.org/zap"
)

// New returns the objects that o describes.
func New(o Options) *Objects {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.CopyLimit <= 0 {
		o.CopyLimit = 5 << 30
	}
	if o.MetadataHeader == "" {
		o.MetadataHeader = "x-amz-meta-sealfront"
	}
	o.Store = &markerStore{
		Store:       &taggingStore{Store: o.Store, room: o.Abilities.TagRoom},
		conditional: o.Abilities.ConditionalPut,
	}
	return &Objects{o: o, layouts: newLayouts()}
}
