package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/credentials"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
)

// What gRPC refuses before it asks a tap, an interceptor or a stats handler leaves no trace but on the connection: a handshake that fails,
// a first line that is no HTTP/2, a stream that is reset, an answer whose HTTP status is not 200. So that is where it is seen.

// Witnessed are the credentials of a server that tells the log what is refused on its connections.
type witnessed struct {
	credentials.TransportCredentials

	refusals *Refusals
}

// ServerHandshake implements [credentials.TransportCredentials].
func (w witnessed) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		w.refusals.TellHandshake(raw.RemoteAddr(), err)
		return conn, info, err
	}
	watched := &witness{Conn: conn, refusals: w.refusals}
	watched.frame = watched.memory[:0]
	return watched, info, nil
}

// TellHandshake logs a TLS handshake that failed. A client that goes without a word is none: load balancers look whether a port is open.
func (r *Refusals) TellHandshake(from net.Addr, err error) {
	var (
		untrusted, _ = errors.AsType[*tls.CertificateVerificationError](err)
		expired, _   = errors.AsType[x509.CertificateInvalidError](err)
		noTLS, isNot = errors.AsType[tls.RecordHeaderError](err)
		operation, _ = errors.AsType[*net.OpError](err)
		kind, reason = fault.Invalid, "TLS_HANDSHAKE_FAILED"
		cause        string
	)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		kind, reason = fault.Limit, errTooSlow.Reason
	case untrusted != nil && expired.Cert != nil && expired.Reason == x509.Expired:
		kind, cause = fault.Unauthenticated, "CERTIFICATE_EXPIRED"
	case untrusted != nil:
		kind, cause = fault.Unauthenticated, "CERTIFICATE_NOT_TRUSTED" // such as one of another CA
	case isNot && noTLS.Msg != "":
		cause = "NO_TLS"
	case operation != nil && operation.Op == "remote error": // as crypto/tls has alerts
		cause = "CLIENT_REFUSED" // such as one that does not trust the server's certificate
	}
	r.tellConnection(from, kind, reason, cause)
}

// tellConnection logs what was refused before it was a call.
func (r *Refusals) tellConnection(from net.Addr, kind fault.Kind, reason, cause string) {
	r.Tell(context.Background(), kind, Refusal{Source: auth.AddressOf(from.String()), Call: "connect", Reason: reason, Cause: cause})
}

// A witness is a connection of a server.
type witness struct {
	net.Conn

	refusals *Refusals
	reading  atomic.Bool
	over     atomic.Bool // the client has gone or was told to, or the log has it
	preface  int         // how many bytes of the client's preface have come
	frame    []byte      // the frame that is being written, up to where it has told what it refuses
	memory   [frameHeader + telling]byte
	rest     int // how many bytes of that frame are still to come behind that
}

const (
	frameHeader = 9 // bytes, of which three are the length of what follows, then there are the type, the flags and the stream
	telling     = 8 // bytes that follow and tell why: at most a stream and an error
)

// Read implements [net.Conn]. gRPC reads from one goroutine.
func (w *witness) Read(b []byte) (int, error) {
	w.reading.Store(true)
	n, err := w.Conn.Read(b)
	w.reading.Store(false)
	if err != nil {
		w.over.Store(true)
	}
	expected := http2.ClientPreface[w.preface:]
	if expected == "" {
		return n, err
	}
	if k := min(n, len(expected)); string(b[:k]) == expected[:k] {
		w.preface += k
	} else {
		w.preface = len(http2.ClientPreface)
		w.over.Store(true)
		w.tell(fault.Invalid, "REQUEST_UNREADABLE", "NO_HTTP2")
	}
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		w.tell(fault.Limit, errTooSlow.Reason, "")
	}
	return n, err
}

// Close implements [net.Conn]. What can't be read any further as HTTP/2, such as one header above all that headers may be, gRPC closes without
// a word, and from where it reads. What it closes for another reason, it closes while it reads.
func (w *witness) Close() error {
	if !w.reading.Load() && !w.over.Swap(true) {
		w.tell(fault.Invalid, "REQUEST_UNREADABLE", "FRAMES_MALFORMED")
	}
	return w.Conn.Close()
}

// Write implements [net.Conn]. gRPC writes from one goroutine, at first that of the handshake.
func (w *witness) Write(b []byte) (int, error) {
	w.look(b)
	return w.Conn.Write(b)
}

func (w *witness) tell(kind fault.Kind, reason, cause string) {
	w.refusals.tellConnection(w.RemoteAddr(), kind, reason, cause)
}

// look goes through the frames in what is written; it may end in the middle of one.
func (w *witness) look(b []byte) {
	for len(b) > 0 {
		if w.rest > 0 {
			n := min(w.rest, len(b))
			w.rest, b = w.rest-n, b[n:]
			continue
		}
		n := min(w.wanted()-len(w.frame), len(b))
		w.frame, b = append(w.frame, b[:n]...), b[n:]
		if len(w.frame) < w.wanted() { // which is more when the header is there
			continue
		}
		w.judge(http2.FrameType(w.frame[3]), w.frame[frameHeader:])
		w.rest = frameHeader + w.length() - len(w.frame)
		w.frame = w.memory[:0]
	}
}

// wanted is how much of a frame has to be there to judge it.
func (w *witness) wanted() int {
	if len(w.frame) < frameHeader {
		return frameHeader
	}
	return frameHeader + min(w.length(), telling)
}

// length is how long what follows the frame's header is.
func (w *witness) length() int {
	return int(w.frame[0])<<16 | int(w.frame[1])<<8 | int(w.frame[2])
}

// judge tells of a frame that refuses something.
func (w *witness) judge(kind http2.FrameType, payload []byte) {
	switch {
	case kind == http2.FrameRSTStream && len(payload) == 4:
		w.reset(http2.ErrCode(binary.BigEndian.Uint32(payload)))
	case kind == http2.FrameGoAway && len(payload) == telling:
		w.over.Store(true)
		w.reset(http2.ErrCode(binary.BigEndian.Uint32(payload[4:])))
	case kind == http2.FrameHeaders && len(payload) > 0:
		switch firstField(payload) { // of an answer, the status is first, by its number in the tables of HPACK (RFC 7541, A)
		case 0x8c: // 400
			w.tell(fault.Invalid, "REQUEST_UNREADABLE", "HEADERS_MALFORMED")
		case 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, // in digits: 415 and 405, which have a number when the connection has them again,
			0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e: // or never where the client keeps no table
			w.tell(fault.Invalid, "REQUEST_UNREADABLE", "NO_GRPC")
		}
	}
}

// firstField is how the first field of a block of headers begins; 0 where that is not known. Before it stands how large the table is from now
// on, if the client has set that: a client could keep itself out of the log otherwise.
func firstField(block []byte) byte {
	for i := 0; i < len(block); i++ {
		if block[i]>>5 != 1 { // no change of the table's size (RFC 7541, 6.3)
			return block[i]
		}
		if block[i]&0x1f == 0x1f { // the size goes on, up to a byte without the highest bit
			for i++; i < len(block) && block[i]&0x80 != 0; i++ {
				continue
			}
		}
	}
	return 0
}

// reset tells of a stream, or a connection, that ends with an error.
func (w *witness) reset(code http2.ErrCode) {
	switch code {
	case http2.ErrCodeFrameSize: // gRPC's word for it
		w.tell(fault.Invalid, "HEADERS_TOO_LARGE", "")
	case http2.ErrCodeProtocol, http2.ErrCodeFlowControl, http2.ErrCodeCompression:
		w.tell(fault.Invalid, "REQUEST_UNREADABLE", "FRAMES_MALFORMED")
	case http2.ErrCodeEnhanceYourCalm:
		w.tell(fault.Limit, "TOO_MANY_PINGS", "")
	default: // no more than an end, or a call that is told of elsewhere
	}
}
