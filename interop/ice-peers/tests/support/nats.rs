//! Two hosts behind two NATs of the kernel, and a public host, each a network namespace.

use std::process::{Command, Stdio};

use super::{Prefix, need};

/// How a NAT of the kernel behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One mapping for all, open to whom was sent to: port-restricted.
    Cone,
    /// A random mapping for each destination.
    Symmetric,
    /// UDP does not get out.
    Blocked,
}

/// Where the public host is.
pub const PUBLIC: &str = "198.18.0.1";

/// The namespaces. They go when this is dropped.
pub struct Nats {
    names: Vec<String>,
}

fn run(words: &str) {
    let all: Vec<_> = words.split_ascii_whitespace().collect();
    let status = Command::new(all[0]).args(&all[1..]).status();
    let worked = status.as_ref().is_ok_and(std::process::ExitStatus::success);
    assert!(
        worked,
        "`{words}` failed ({status:?}); it needs root and network namespaces"
    );
}

impl Nats {
    pub fn new(kinds: [Kind; 2]) -> Self {
        need("ip", "iproute2");
        need("nft", "nftables");
        let id = std::process::id();
        let names: Vec<_> = ["a", "na", "p", "nb", "b"]
            .map(|name| format!("g{id}{name}"))
            .into();
        let world = Self {
            names: names.clone(),
        };
        for name in &names {
            run(&format!("ip netns add {name}"));
            run(&format!("ip -n {name} link set lo up"));
        }
        let public = &names[2];
        run(&format!("ip -n {public} link add br0 type bridge"));
        run(&format!("ip -n {public} addr add {PUBLIC}/24 dev br0"));
        run(&format!("ip -n {public} link set br0 up"));
        for (n, (host, nat)) in [(&names[0], &names[1]), (&names[4], &names[3])]
            .into_iter()
            .enumerate()
        {
            let net = format!("10.{}.0", n + 1);
            run(&format!(
                "ip link add e0 netns {host} type veth peer name i0 netns {nat}"
            ));
            run(&format!(
                "ip link add o0 netns {nat} type veth peer name p{n} netns {public}"
            ));
            run(&format!("ip -n {public} link set p{n} master br0 up"));
            run(&format!("ip -n {host} addr add {net}.2/24 dev e0"));
            run(&format!("ip -n {host} link set e0 up"));
            run(&format!("ip -n {nat} addr add {net}.1/24 dev i0"));
            run(&format!("ip -n {nat} link set i0 up"));
            run(&format!(
                "ip -n {nat} addr add 198.18.0.1{}/24 dev o0",
                n + 1
            ));
            run(&format!("ip -n {nat} link set o0 up"));
            run(&format!("ip -n {host} route add default via {net}.1"));
            run(&format!(
                "ip netns exec {nat} sysctl -qw net.ipv4.ip_forward=1"
            ));
            rules(nat, kinds[n]);
        }
        // What goes to private addresses is lost on the way, as on the internet. Without a route at all,
        // coturn 4.6 ends the whole session of a client that asks for such a peer.
        run(&format!("ip -n {public} route add default via 198.18.0.11"));
        world
    }

    /// The way into the namespace of A, of B, or of the public host.
    pub fn host(&self, which: char) -> Prefix {
        let at = match which {
            'a' => 0,
            'b' => 4,
            _ => 2,
        };
        ["ip", "netns", "exec", &self.names[at]]
            .map(str::to_owned)
            .into()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        for name in &self.names {
            let mut command = Command::new("ip");
            command.args(["netns", "del", name]).stderr(Stdio::null());
            let _ = command.status();
        }
    }
}

/// Without the rule of `input`, the kernel takes the port of a packet that came too early, and punching fails.
fn rules(nat: &str, kind: Kind) {
    let masquerade = match kind {
        Kind::Symmetric => "masquerade random,fully-random",
        Kind::Cone | Kind::Blocked => "masquerade",
    };
    let udp = match kind {
        Kind::Blocked => "iifname \"i0\" meta l4proto udp drop\n",
        Kind::Cone | Kind::Symmetric => "",
    };
    let rules = format!(
        "table ip nat {{\n chain post {{\n type nat hook postrouting priority 100;\n \
         oifname \"o0\" {masquerade}\n }}\n}}\n\
         table ip filter {{\n chain through {{\n type filter hook forward priority 0; policy drop;\n {udp} \
         ct state established,related accept\n iifname \"i0\" accept\n }}\n \
         chain own {{\n type filter hook input priority 0;\n iifname \"o0\" ct state new drop\n }}\n}}\n"
    );
    let mut child = Command::new("ip")
        .args(["netns", "exec", nat, "nft", "-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), rules.as_bytes()).unwrap();
    assert!(
        child.wait().unwrap().success(),
        "nft does not take the rules:\n{rules}"
    );
}
