// The XDP program of an af_xdp port: datagrams for Tandem's listen addresses, and UDP fragments for
// those addresses, go to the worker; everything else passes to the kernel, whose interface it is.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// Must agree with ListenKey in xdp_listens.cc. Port 0 stands for fragments, which carry no port.
struct listen_key {
  __u8 address[16];
  __u16 port;  // network byte order
  __u16 family;
};

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, struct listen_key);
  __type(value, __u8);
} tandem_listens SEC(".maps");

#define IP_MORE_OR_OFFSET 0x3fff
#define NEXT_FRAGMENT 44

static __always_inline int to_worker(struct xdp_md *ctx, struct listen_key *key) {
  if (!bpf_map_lookup_elem(&tandem_listens, key)) return XDP_PASS;
  return bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS);
}

SEC("xdp")
int redirect(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct listen_key key = {};
  struct udphdr *udp = 0;
  if ((void *)(eth + 1) > end) return XDP_PASS;

  if (eth->h_proto == bpf_htons(ETH_P_IP)) {
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP) return XDP_PASS;
    key.family = 4;
    __builtin_memcpy(key.address, &ip->daddr, 4);
    if (ip->frag_off & bpf_htons(IP_MORE_OR_OFFSET)) return to_worker(ctx, &key);
    udp = (void *)ip + ip->ihl * 4;
  } else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end) return XDP_PASS;
    key.family = 6;
    __builtin_memcpy(key.address, &ip->daddr, 16);
    if (ip->nexthdr == NEXT_FRAGMENT) {
      __u8 *next = (void *)(ip + 1);
      if ((void *)(next + 1) > end || *next != IPPROTO_UDP) return XDP_PASS;
      return to_worker(ctx, &key);
    }
    if (ip->nexthdr != IPPROTO_UDP) return XDP_PASS;
    udp = (void *)(ip + 1);
  } else {
    return XDP_PASS;
  }
  if ((void *)(udp + 1) > end) return XDP_PASS;
  key.port = udp->dest;
  return to_worker(ctx, &key);
}

char _license[] SEC("license") = "Dual BSD/GPL";
