package keyservice

import (
	"maps"
	"slices"
)

// actions has a row an action of KMS that this service knows.
var actions = map[string]action{
	"CreateKey":                       typed((*call).createKey),
	"DescribeKey":                     typed((*call).describeKey),
	"ListKeys":                        typed((*call).listKeys),
	"EnableKey":                       typed((*call).enableKey),
	"DisableKey":                      typed((*call).disableKey),
	"ScheduleKeyDeletion":             typed((*call).scheduleKeyDeletion),
	"CancelKeyDeletion":               typed((*call).cancelKeyDeletion),
	"RotateKeyOnDemand":               typed((*call).rotateKeyOnDemand),
	"EnableKeyRotation":               typed((*call).enableKeyRotation),
	"DisableKeyRotation":              typed((*call).disableKeyRotation),
	"GetKeyRotationStatus":            typed((*call).getKeyRotationStatus),
	"ListKeyRotations":                typed((*call).listKeyRotations),
	"UpdateKeyDescription":            typed((*call).updateKeyDescription),
	"GetKeyLastUsage":                 typed((*call).getKeyLastUsage),
	"GetParametersForImport":          typed((*call).getParametersForImport),
	"ImportKeyMaterial":               typed((*call).importKeyMaterial),
	"DeleteImportedKeyMaterial":       typed((*call).deleteImportedKeyMaterial),
	"TagResource":                     typed((*call).tagResource),
	"UntagResource":                   typed((*call).untagResource),
	"ListResourceTags":                typed((*call).listResourceTags),
	"CreateGrant":                     typed((*call).createGrant),
	"ListGrants":                      typed((*call).listGrants),
	"ListRetirableGrants":             typed((*call).listRetirableGrants),
	"RetireGrant":                     typed((*call).retireGrant),
	"RevokeGrant":                     typed((*call).revokeGrant),
	"GenerateRandom":                  typed((*call).generateRandom),
	"CreateAlias":                     typed((*call).createAlias),
	"UpdateAlias":                     typed((*call).updateAlias),
	"DeleteAlias":                     typed((*call).deleteAlias),
	"ListAliases":                     typed((*call).listAliases),
	"PutKeyPolicy":                    typed((*call).putKeyPolicy),
	"GetKeyPolicy":                    typed((*call).getKeyPolicy),
	"ListKeyPolicies":                 typed((*call).listKeyPolicies),
	"GenerateDataKey":                 typed((*call).generateDataKey),
	"GenerateDataKeyWithoutPlaintext": typed((*call).generateDataKeyWithoutPlaintext),
	"Encrypt":                         typed((*call).encrypt),
	"Decrypt":                         typed((*call).decrypt),
	"ReEncrypt":                       typed((*call).reEncrypt),
}

// Actions are the names of all actions that are answered, sorted.
func Actions() []string { return slices.Sorted(maps.Keys(actions)) }
