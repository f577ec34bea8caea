/* libre's headers are C, and want these before them: this file is the way in. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <re/re.h>

int perf_re_parse(const char* message, size_t size);

int perf_re_parse(const char* message, size_t size) {
  static struct mbuf* buffer;
  struct sip_msg* out = NULL;
  int fault;
  if (buffer == NULL) buffer = mbuf_alloc(65536);
  if (buffer == NULL) return 0;
  mbuf_rewind(buffer);
  mbuf_write_mem(buffer, (const uint8_t*)message, size);
  buffer->pos = 0;
  fault = sip_msg_decode(&out, buffer);
  mem_deref(out);
  return fault == 0;
}
