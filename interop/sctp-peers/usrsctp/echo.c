/*
 * An SCTP end on usrsctp that sends every message back on the stream it came on.
 *
 * usage: echo listen|connect LOCAL_UDP_PORT REMOTE_UDP_PORT
 *
 * Each UDP datagram on 127.0.0.1 is one SCTP packet, as over DTLS: the association has no addresses of
 * its own (AF_CONN). Both SCTP ports are 5000. It says "ready" when its socket is open, and ends when the
 * association does or its standard input is closed.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <usrsctp.h>

enum { SCTP_PORT = 5000, WINDOW = 1 << 20, LARGEST = 1 << 18 };

static int udp;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int send_packet(void *addr, void *packet, size_t length, uint8_t tos, uint8_t set_df)
{
	(void)addr;
	(void)tos;
	(void)set_df;
	send(udp, packet, length, 0);
	return 0;
}

static void *read_packets(void *addr)
{
	static char packet[65536];

	for (;;) {
		ssize_t length = recv(udp, packet, sizeof packet, 0);
		if (length > 0)
			usrsctp_conninput(addr, packet, (size_t)length, 0);
	}
	return NULL;
}

static void *wait_for_the_end(void *unused)
{
	char byte;

	while (read(0, &byte, 1) > 0)
		;
	exit(0);
	return unused;
}

static struct sockaddr_in loopback(const char *port)
{
	struct sockaddr_in address = {0};

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(port));
	return address;
}

static struct sockaddr_conn conn_address(void)
{
	struct sockaddr_conn address = {0};

	address.sconn_family = AF_CONN;
	address.sconn_port = htons(SCTP_PORT);
	address.sconn_addr = &udp;
	return address;
}

static void echo(struct socket *socket)
{
	static char message[LARGEST];
	size_t filled = 0;

	for (;;) {
		struct sctp_rcvinfo info;
		struct sockaddr_conn from;
		socklen_t from_len = sizeof from, info_len = sizeof info;
		unsigned int info_type = 0;
		int flags = 0;
		ssize_t length = usrsctp_recvv(socket, message + filled, sizeof message - filled,
			(struct sockaddr *)&from, &from_len, &info, &info_len, &info_type, &flags);
		if (length <= 0)
			return;
		if (flags & MSG_NOTIFICATION)
			continue;
		filled += (size_t)length;
		if (!(flags & MSG_EOR))
			continue;
		struct sctp_sndinfo out = {0};
		out.snd_sid = info.rcv_sid;
		out.snd_ppid = info.rcv_ppid;
		if (usrsctp_sendv(socket, message, filled, NULL, 0, &out, sizeof out,
				SCTP_SENDV_SNDINFO, 0) < 0)
			fail("usrsctp_sendv");
		filled = 0;
	}
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: echo listen|connect LOCAL_UDP_PORT REMOTE_UDP_PORT\n");
		return 2;
	}
	struct sockaddr_in local = loopback(argv[2]), remote = loopback(argv[3]);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(udp, (struct sockaddr *)&local, sizeof local) < 0)
		fail("bind");
	if (connect(udp, (struct sockaddr *)&remote, sizeof remote) < 0)
		fail("connect");

	usrsctp_init(0, send_packet, NULL);
	usrsctp_sysctl_set_sctp_ecn_enable(0);
	usrsctp_sysctl_set_sctp_sendspace(4 * WINDOW);
	usrsctp_sysctl_set_sctp_recvspace(WINDOW);
	usrsctp_register_address(&udp);
	struct socket *sctp =
		usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	if (!sctp)
		fail("usrsctp_socket");
	int on = 1;
	usrsctp_setsockopt(sctp, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on);
	usrsctp_setsockopt(sctp, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
	struct sctp_initmsg streams = {0};
	streams.sinit_num_ostreams = 300;
	streams.sinit_max_instreams = 300;
	usrsctp_setsockopt(sctp, IPPROTO_SCTP, SCTP_INITMSG, &streams, sizeof streams);
	struct sctp_assoc_value resets = {0};
	resets.assoc_id = SCTP_ALL_ASSOC;
	resets.assoc_value = SCTP_ENABLE_RESET_STREAM_REQ;
	usrsctp_setsockopt(sctp, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &resets, sizeof resets);
	/* 1,200 bytes less the common header: what we take to be a path's size. */
	struct sctp_paddrparams path = {0};
	path.spp_address.ss_family = AF_CONN;
	path.spp_flags = SPP_PMTUD_DISABLE;
	path.spp_pathmtu = 1188;
	usrsctp_setsockopt(sctp, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);

	struct sockaddr_conn here = conn_address(), there = conn_address();
	if (usrsctp_bind(sctp, (struct sockaddr *)&here, sizeof here) < 0)
		fail("usrsctp_bind");
	if (!strcmp(argv[1], "listen") && usrsctp_listen(sctp, 1) < 0)
		fail("usrsctp_listen");

	pthread_t thread;
	pthread_create(&thread, NULL, read_packets, &udp);
	pthread_create(&thread, NULL, wait_for_the_end, NULL);
	printf("ready\n");
	fflush(stdout);

	if (!strcmp(argv[1], "listen")) {
		struct socket *accepted = usrsctp_accept(sctp, NULL, NULL);
		if (!accepted)
			fail("usrsctp_accept");
		usrsctp_setsockopt(accepted, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on);
		echo(accepted);
	} else {
		if (usrsctp_connect(sctp, (struct sockaddr *)&there, sizeof there) < 0)
			fail("usrsctp_connect");
		echo(sctp);
	}
	return 0;
}
