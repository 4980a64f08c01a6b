package directordouble

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// Authority signs the certificates of doubles.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	// PEM is the certificate, as clients take it.
	PEM []byte
	// Addresses are those for which certificates are good beside 127.0.0.1, for
	// clients that come through a proxy.
	Addresses []net.IP
}

// NewAuthority makes a certificate authority.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "double CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Authority{certificate: certificate, key: key, PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

// server makes a certificate for 127.0.0.1, localhost and Addresses.
func (a *Authority) server() (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "double"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: append([]net.IP{net.IPv4(127, 0, 0, 1)}, a.Addresses...),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, a.key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}, nil
}

// Server is a started double.
type Server struct {
	// URL is the director's.
	URL     string
	closers []io.Closer
}

// Start lets the director, and its UAA if it has one, answer on 127.0.0.1.
func (a *Authority) Start(d *Director) (*Server, error) {
	s := &Server{}
	if d.UAA != nil {
		url, err := s.listen(a, d.UAA)
		if err != nil {
			return nil, err
		}
		d.UAA.url = url
	}
	var err error
	if s.URL, err = s.listen(a, d); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) listen(a *Authority, handler http.Handler) (url string, err error) {
	certificate, err := a.server()
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{
		Handler:  handler,
		ErrorLog: log.New(io.Discard, "", 0), // of connections that the client gives up
	}
	s.closers = append(s.closers, server)
	go server.Serve(tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{certificate},
		// As nginx does on an Ubuntu Jammy stemcell, whose OpenSSL 3.0 knows no ML-KEM.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
	}))
	return "https://" + listener.Addr().String(), nil
}

// Close ends all connections at once.
func (s *Server) Close() {
	for _, c := range s.closers {
		c.Close()
	}
}
