#include "sipcore/build/probe.h"

#include "sipcore/build/writer.h"

namespace sipcore {

size_t build_probe(const Probe& probe, const HashKey& key, std::span<char> out) {
  char branch[kBranchSize];
  std::string_view text = write_branch(key, probe.token, branch);
  // What makes the branch one of its kind does the same for tag and Call-ID.
  std::string_view unique = text.substr(text.size() - 16);
  Writer writer(out);
  writer.add("OPTIONS ").add(probe.uri).add(" SIP/2.0\r\nVia: SIP/2.0/UDP ");
  writer.add_endpoint(probe.from).add(";branch=").add(text);
  writer.add(";rport\r\nMax-Forwards: 70\r\nFrom: <").add(probe.from_uri).add(">;tag=").add(unique);
  writer.add("\r\nTo: <").add(probe.uri).add(">\r\nCall-ID: ").add(unique);
  writer.add("\r\nCSeq: 1 OPTIONS\r\nContact: <sip:").add_endpoint(probe.from);
  writer.add(">\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n");
  return writer.full() ? 0 : writer.size();
}

}  // namespace sipcore
