package access

import "net/netip"

// mayLogIn reports whether the request's address may try the identity's secret, or with nil any that nobody has.
func (x *Grant) mayLogIn(id *Identity) bool {
	l := x.c.logins.Load()
	return l == nil || !l.failures.Load() || l.may(x.loginPair(id))
}

// loginFailed counts a failed login of the request's address.
func (x *Grant) loginFailed(id *Identity) {
	if l := x.c.logins.Load(); l != nil {
		l.failed(x.loginPair(id))
	}
}

func (x *Grant) loginPair(id *Identity) loginPair {
	p := loginPair{address: x.source()}
	if id != nil {
		p.accessKey = id.AccessKeyID
	}
	return p
}

// source is the network that the request comes from, as failed logins are counted.
func (x *Grant) source() netip.Addr {
	address := x.Client()
	if address.Is6() {
		network, _ := address.Prefix(64) // 64 fits every IPv6 address
		address = network.Addr()
	}
	return address
}
