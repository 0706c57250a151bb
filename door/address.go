package door

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the addresses whose X-Forwarded-For header is believed. There
// are none by default: anybody can write that header.
type Proxies []netip.Prefix

// ParseProxies reads addresses and networks, such as 10.0.0.1 or 10.0.0.0/8.
func ParseProxies(list []string) (Proxies, error) {
	var proxies Proxies
	for _, text := range list {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("%q is neither an address nor a network", text)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		proxies = append(proxies, network.Masked())
	}
	return proxies, nil
}

// Handler gives requests that come through a trusted proxy the address of
// their client as RemoteAddr.
func (p Proxies) Handler(next http.Handler) http.Handler {
	if len(p) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = p.client(r.RemoteAddr, r.Header.Values("X-Forwarded-For"))
		next.ServeHTTP(w, r)
	})
}

// client walks the addresses from the nearest to the farthest. Each proxy
// appends whom it got the request from, so the first address that is not a
// trusted proxy is the client; what stands before it may be invented.
func (p Proxies) client(remote string, forwarded []string) string {
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	slices.Reverse(hops)
	for _, hop := range hops {
		at, ok := parseAddress(remote)
		if !ok || !p.trusts(at) {
			return remote
		}
		from, ok := parseAddress(strings.TrimSpace(hop))
		if !ok {
			return remote
		}
		remote = net.JoinHostPort(from.String(), "0")
	}
	return remote
}

func (p Proxies) trusts(at netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(at) })
}

// parseAddress reads an address with or without a port. An IPv4 address in
// IPv6 form is the IPv4 address.
func parseAddress(text string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap(), true
	}
	plain, err := netip.ParseAddr(text)
	return plain.Unmap(), err == nil
}

// Network is the key under which an address is counted: itself, and for IPv6
// its network of 64 bits, of which one machine may use every address.
func Network(address string) string {
	const networkBits = 64
	at, ok := parseAddress(address)
	if !ok || at.Is4() {
		return address
	}
	network, err := at.WithZone("").Prefix(networkBits)
	if err != nil {
		return address
	}
	return network.String()
}
