// Package sts is the wire form of AWS's Security Token Service, as far as roles are assumed here: its query protocol,
// its answers and its errors. It is pure: who may assume what is decided in package access.
//
//	POST / HTTP/1.1                                  GET /?Action=…&Version=2011-06-15
//	Content-Type: application/x-www-form-urlencoded
//
//	Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=…&RoleSessionName=…&WebIdentityToken=…
//
// A parameter that isn't known, or that comes twice, is refused by its name: ignored, PolicyArns or SourceIdentity
// would be a promise that isn't kept (TestParametersAreReadInOneWay).
//
// Source: AWS Security Token Service API Reference, version 2011-06-15: actions, common parameters, common errors.
package sts
