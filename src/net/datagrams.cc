#include "net/datagrams.h"

#include <cerrno>
#include <cstring>

namespace pylon::net {
namespace {

// The control message that makes `local` the source; returns its size.
size_t write_source(const IpAddress& local, void* control, size_t room) {
  msghdr holder{};
  holder.msg_control = control;
  holder.msg_controllen = room;
  std::memset(control, 0, room);
  cmsghdr* message = CMSG_FIRSTHDR(&holder);
  if (local.is_v4()) {
    message->cmsg_level = IPPROTO_IP;
    message->cmsg_type = IP_PKTINFO;
    message->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(local.v4_value());
    std::memcpy(CMSG_DATA(message), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
  }
  message->cmsg_level = IPPROTO_IPV6;
  message->cmsg_type = IPV6_PKTINFO;
  message->cmsg_len = CMSG_LEN(sizeof(in6_pktinfo));
  in6_pktinfo info{};
  std::memcpy(&info.ipi6_addr, local.bytes().data(), 16);
  std::memcpy(CMSG_DATA(message), &info, sizeof info);
  return CMSG_SPACE(sizeof info);
}

}  // namespace

Datagrams::Datagrams() : octets_(new char[kMost * kBytes]) {
  std::memset(messages_, 0, sizeof messages_);
  for (unsigned i = 0; i < kMost; i++) {
    messages_[i].msg_hdr.msg_iov = &parts_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

int Datagrams::receive(int fd) {
  for (unsigned i = 0; i < kMost; i++) {
    parts_[i] = {octets_.get() + i * kBytes, kBytes};
    msghdr& head = messages_[i].msg_hdr;
    head.msg_name = &from_[i];
    head.msg_namelen = sizeof from_[i];
    head.msg_control = controls_[i].octets;
    head.msg_controllen = sizeof controls_[i].octets;
    head.msg_flags = 0;
  }
  for (;;) {
    int got = ::recvmmsg(fd, messages_, kMost, MSG_DONTWAIT, nullptr);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return 0;
    return got;
  }
}

std::string_view Datagrams::octets(unsigned index) const {
  return {octets_.get() + index * kBytes, messages_[index].msg_len};
}

IpAddress Datagrams::local(unsigned index) const {
  msghdr* head = const_cast<msghdr*>(&messages_[index].msg_hdr);
  for (cmsghdr* each = CMSG_FIRSTHDR(head); each != nullptr; each = CMSG_NXTHDR(head, each)) {
    if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(each), sizeof info);
      return IpAddress::v4_bytes(reinterpret_cast<const uint8_t*>(&info.ipi_addr));
    }
    if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(each), sizeof info);
      return IpAddress::v6_bytes(info.ipi6_addr.s6_addr).unmapped();
    }
  }
  return {};
}

int Datagrams::send(int fd, unsigned first, unsigned count) {
  for (unsigned i = first; i < first + count; i++) {
    parts_[i].iov_len = messages_[i].msg_len;
    msghdr& head = messages_[i].msg_hdr;
    head.msg_name = nullptr;
    head.msg_namelen = 0;
    head.msg_control = nullptr;
    head.msg_controllen = 0;
  }
  return send_all(fd, first, count);
}

int Datagrams::send_to(int fd, unsigned count, const sockaddr_storage& to, const IpAddress* local) {
  Control source;
  size_t source_bytes = 0;
  if (local != nullptr) source_bytes = write_source(*local, source.octets, sizeof source.octets);
  for (unsigned i = 0; i < count; i++) {
    parts_[i].iov_len = messages_[i].msg_len;
    msghdr& head = messages_[i].msg_hdr;
    head.msg_name = const_cast<sockaddr_storage*>(&to);
    head.msg_namelen = to.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    head.msg_control = source_bytes != 0 ? source.octets : nullptr;
    head.msg_controllen = source_bytes;
  }
  return send_all(fd, 0, count);
}

int Datagrams::send_all(int fd, unsigned first, unsigned count) {
  for (;;) {
    int sent = ::sendmmsg(fd, messages_ + first, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    return sent;
  }
}

void Datagrams::tell_local(int fd) {
  int on = 1;
  (void)::setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  (void)::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
}

}  // namespace pylon::net
