/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header fields of gRPC over HTTP/2 (gRPC, doc/PROTOCOL-HTTP2.md) and what RFC 9113 and RFC 9110 ask of any field. Pure code
 * over the caller's buffers, open to proof.
 */
#ifndef CRI_PARSE_GRPCHDR_H
#define CRI_PARSE_GRPCHDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

/* Reads a grpc-timeout value: 1 to 8 digits and one of n u m S M H. *ret_ns is nanoseconds, UINT64_MAX when it is more than fits.
 * False, and *ret_ns untouched, when v is anything else (PROTOCOL-HTTP2.md, "Timeout"). */
bool grpc_timeout_parse(struct view v, uint64_t *ret_ns);

enum { GRPC_TIMEOUT_MAX = 10 }; /* 8 digits, the unit, a NUL */
/* Writes ns as a grpc-timeout in the finest unit that 8 digits hold, rounded up, so that the peer never gives up before the
 * caller. Returns the length without the NUL. */
size_t grpc_timeout_format(uint64_t ns, char out[GRPC_TIMEOUT_MAX]);

/* Percent-encodes a status message: all bytes but 0x20..0x7e, and '%' (PROTOCOL-HTTP2.md, "Status-Message"). out needs 3 * v.n
 * bytes; no NUL is written. Returns the length. */
size_t grpc_message_encode(struct view v, char *out);
/* Decodes; a '%' that two hex digits do not follow stays as it is, as the specification asks. out needs v.n bytes; no NUL is
 * written. Returns the length. */
size_t grpc_message_decode(struct view v, char *out);

/* Reads a grpc-status value: decimal 0 to 16; a larger number gives ERR_UNKNOWN. False when v is not a number of at most 9
 * digits. */
bool grpc_status_parse(struct view v, enum err_code *ret);
/* The status that stands for an HTTP status other than 200 without grpc-status (gRPC, doc/http-grpc-status-mapping.md). */
enum err_code grpc_status_from_http(unsigned http_status);
/* The status that stands for RST_STREAM with this HTTP/2 error code (PROTOCOL-HTTP2.md, "Errors"). */
enum err_code grpc_status_from_h2(uint32_t error_code);

/* True for "application/grpc", alone or followed by "+proto", or by ';' and parameters; letters in either case. Another message
 * format
 * ("+json") and "application/grpc-web" are not it. */
bool grpc_content_type_ok(struct view v);

/* Splits "/package.Service/Method". False unless both parts are there, non-empty, and the method has no further '/'. */
bool grpc_path_split(struct view path, struct view *ret_service, struct view *ret_method);

/* True for a field name that HTTP/2 allows: a token of RFC 9110 section 5.6.2 without upper-case letters (RFC 9113
 * section 8.2.1). Names of pseudo fields (":path") are not. */
bool grpc_header_name_ok(struct view v);
/* True for a field value without NUL, CR, LF, other control bytes but TAB, and blanks at its ends (RFC 9113 section 8.2.1, RFC
 * 9110 section 5.5). */
bool grpc_header_value_ok(struct view v);
/* True for the fields that speak of one connection and make an HTTP/2 message malformed (RFC 9113 section 8.2.2); "te" is not
 * among them. */
bool grpc_header_connection_specific(struct view name);

#endif
