// A relay in Go as published designs describe it: sockets with SO_REUSEPORT, a goroutine per direction locked to its
// thread, buffers made once, flows in a map by netip.AddrPort, and the destination from the ufrag of a binding request.
// Datagrams are read and written one by one with ReadFromUDPAddrPort and WriteToUDPAddrPort; nothing is allocated.
//
// In its favour: the hint's tag is not verified, flows have no limits, and clients' addresses are not checked.
//
// Usage: gorelay TRANSCEIVER_PORT. Prints its port; ends with standard input.
package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	headerSize   = 38
	bufferBytes  = 4 << 20
	payloadBytes = 2048
	soReusePort  = 15
	expirySecs   = 60
)

type flow struct {
	transceiver netip.AddrPort
	lastSeen    int64
}

type relay struct {
	public, upstream *net.UDPConn
	proxy            netip.AddrPort
	only             netip.AddrPort
	routes           map[uint32]netip.AddrPort // by cluster and transceiver

	mutex sync.RWMutex
	flows map[netip.AddrPort]*flow
}

func listen() *net.UDPConn {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soReusePort, 1)
		})
	}}
	conn, err := config.ListenPacket(context.Background(), "udp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	udp := conn.(*net.UDPConn)
	udp.SetReadBuffer(bufferBytes)
	udp.SetWriteBuffer(bufferBytes)
	return udp
}

// serverUfrag returns the part of USERNAME before the colon.
func serverUfrag(message []byte) []byte {
	if len(message) < 20 || binary.BigEndian.Uint32(message[4:]) != 0x2112A442 {
		return nil
	}
	for rest := message[20:]; len(rest) >= 4; {
		size := int(binary.BigEndian.Uint16(rest[2:]))
		if 4+size > len(rest) {
			return nil
		}
		if binary.BigEndian.Uint16(rest) == 0x0006 {
			value := rest[4 : 4+size]
			for i, octet := range value {
				if octet == ':' {
					return value[:i]
				}
			}
			return nil
		}
		rest = rest[min(4+(size+3)&^3, len(rest)):]
	}
	return nil
}

func (r *relay) routeOf(request []byte) (netip.AddrPort, bool) {
	var raw [18]byte
	ufrag := serverUfrag(request)
	if len(ufrag) != 24 {
		return netip.AddrPort{}, false
	}
	if n, err := base64.StdEncoding.Decode(raw[:], ufrag); err != nil || n != 18 {
		return netip.AddrPort{}, false
	}
	to, known := r.routes[binary.BigEndian.Uint32(raw[1:])]
	if !known {
		to = r.only
	}
	return to, true
}

func (r *relay) forwardUp() {
	runtime.LockOSThread()
	buffer := make([]byte, headerSize+payloadBytes)
	buffer[0], buffer[1] = 0x56, 0xec
	proxy := r.proxy.Addr().As16()
	copy(buffer[18:], proxy[:])
	binary.BigEndian.PutUint16(buffer[36:], r.proxy.Port())
	for {
		n, client, err := r.public.ReadFromUDPAddrPort(buffer[headerSize:])
		if err != nil {
			continue
		}
		packet := buffer[headerSize : headerSize+n]
		isRequest := n >= 20 && packet[0] == 0 && packet[1] == 1
		r.mutex.RLock()
		found := r.flows[client]
		r.mutex.RUnlock()
		if found == nil || isRequest {
			if !isRequest {
				continue
			}
			to, ok := r.routeOf(packet)
			if !ok {
				continue
			}
			if found == nil || found.transceiver != to {
				found = &flow{transceiver: to}
				r.mutex.Lock()
				r.flows[client] = found
				r.mutex.Unlock()
			}
		}
		found.lastSeen = time.Now().Unix()
		address := client.Addr().As16()
		copy(buffer[2:], address[:])
		binary.BigEndian.PutUint16(buffer[34:], client.Port())
		r.upstream.WriteToUDPAddrPort(buffer[:headerSize+n], found.transceiver)
	}
}

func (r *relay) forwardDown() {
	runtime.LockOSThread()
	buffer := make([]byte, headerSize+payloadBytes)
	for {
		n, _, err := r.upstream.ReadFromUDPAddrPort(buffer)
		if err != nil || n <= headerSize || buffer[0] != 0x56 || buffer[1] != 0xec {
			continue
		}
		address := netip.AddrFrom16([16]byte(buffer[2:18])).Unmap()
		client := netip.AddrPortFrom(address, binary.BigEndian.Uint16(buffer[34:]))
		r.mutex.RLock()
		found := r.flows[client]
		r.mutex.RUnlock()
		if found != nil {
			r.public.WriteToUDPAddrPort(buffer[headerSize:n], client)
		}
	}
}

func (r *relay) expire() {
	for range time.Tick(expirySecs * time.Second) {
		r.mutex.Lock()
		for client, found := range r.flows {
			if time.Now().Unix()-found.lastSeen > expirySecs {
				delete(r.flows, client)
			}
		}
		r.mutex.Unlock()
	}
}

func main() {
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	only := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
	r := &relay{public: listen(), upstream: listen(), only: only, flows: map[netip.AddrPort]*flow{}}
	r.routes = map[uint32]netip.AddrPort{1<<16 | 2: only}
	r.proxy = r.public.LocalAddr().(*net.UDPAddr).AddrPort()
	go r.forwardUp()
	go r.forwardDown()
	go r.expire()
	fmt.Println(r.proxy.Port())
	io.Copy(io.Discard, os.Stdin)
}
