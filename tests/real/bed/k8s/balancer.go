package main

import (
	"io"
	"net"
	"strings"
	"time"
)

const balancerAddress = "127.0.0.1:6444"

// serveBalancer forwards connections to the server. To its client every failure looks alike: a closed connection.
func serveBalancer(server string) error {
	listener, err := net.Listen("tcp", balancerAddress)
	if err != nil {
		return err
	}
	info("Running load balancer k3s-agent-load-balancer %s -> [] [default: %s]", balancerAddress, server)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go forward(client, server)
		}
	}()
	return nil
}

func forward(client net.Conn, server string) {
	defer client.Close()
	upstream, err := net.DialTimeout("tcp", server, 10*time.Second)
	if err != nil {
		return
	}
	defer upstream.Close()
	finished := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		finished <- struct{}{}
	}
	go pipe(upstream, client)
	go pipe(client, upstream)
	<-finished
}

// addressOf is host:port of a server's URL, whatever its scheme.
func addressOf(server string) string {
	_, rest, found := strings.Cut(server, "://")
	if !found {
		rest = server
	}
	address, _, _ := strings.Cut(rest, "/")
	if _, _, err := net.SplitHostPort(address); err != nil {
		address += ":443"
	}
	return address
}
