// The messages that the parsers are measured with.
#pragma once

namespace perf {

// 600 bytes.
inline constexpr char kInvite[] =
    "INVITE sip:bob@198.18.0.1 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bK776asdhds;rport\r\n"
    "Max-Forwards: 70\r\n"
    "From: \"Alice\" <sip:alice@198.18.0.10>;tag=1928301774\r\n"
    "To: <sip:bob@198.18.0.1>\r\n"
    "Call-ID: a84b4c76e66710@198.18.0.10\r\n"
    "CSeq: 314159 INVITE\r\n"
    "Contact: <sip:alice@198.18.0.10:5060>\r\n"
    "User-Agent: a telephone.\r\n"
    "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: 175\r\n\r\n"
    "v=0\r\no=- 3344 3344 IN IP4 198.18.0.10\r\ns=-\r\nc=IN IP4 198.18.0.10\r\nt=0 0\r\n"
    "m=audio 49170 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=sendrecv\r\n\r\n";
static_assert(sizeof kInvite - 1 == 600);

inline constexpr char kRegister[] =
    "REGISTER sip:example.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bKnashds7\r\n"
    "Max-Forwards: 70\r\n"
    "To: Bob <sip:bob@example.com>\r\n"
    "From: Bob <sip:bob@example.com>;tag=456248\r\n"
    "Call-ID: 843817637684230@998sdasdh09\r\n"
    "CSeq: 1826 REGISTER\r\n"
    "Contact: <sip:bob@198.18.0.10>\r\n"
    "Expires: 7200\r\n"
    "Content-Length: 0\r\n\r\n";

inline constexpr char kOk[] =
    "SIP/2.0 200 OK\r\n"
    "Via: SIP/2.0/UDP 198.18.0.1:5060;branch=z9hG4bKt00000000010000000100000000000000000000000000"
    "000000\r\n"
    "Via: SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bK776asdhds\r\n"
    "From: \"Alice\" <sip:alice@198.18.0.10>;tag=1928301774\r\n"
    "To: <sip:bob@198.18.0.1>;tag=a6c85cf\r\n"
    "Call-ID: a84b4c76e66710@198.18.0.10\r\n"
    "CSeq: 314159 INVITE\r\n"
    "Contact: <sip:bob@198.18.0.21>\r\n"
    "Content-Length: 0\r\n\r\n";

}  // namespace perf
