"""Texts that contain a secret, by kind: the secret must be removed and its context must stay.

Tokens are concatenated from parts, so that a code host's secret scanner does not report these examples.
"""

import base64
import json

from suites.selftest.secret_cases import BASIC, BODY, DER, DOCKER, JWT, PEM, PW, case, encoded
from suites.selftest.secret_fields import NAMED, PAIRS
from suites.selftest.secret_kubernetes import KUBERNETES
from suites.selftest.secret_notations import BROKEN, LOGS, NAMES

HEADERS = [
    case("basic", f"Authorization: Basic {BASIC}", BASIC),
    case("basic-bare", f"sent Basic {BASIC} to the gateway", BASIC, stays=("to the gateway",)),
    case("bearer-bare", "sent Bearer abc123def456 to", "abc123def456", stays=(" to",)),
    case("lower", '> authorization: Digest username="bob", response="hunter2"', PW),
    case("proxy", f"Proxy-Authorization: Basic {BASIC}\nHost: x", BASIC, stays=("Host: x",)),
    case("cookie", "Cookie: a=hunter2; b=more words\nHost: x", PW, "more", stays=("Host: x",)),
    case("set-cookie", "< set-cookie: session=hunter2; Path=/", PW),
    case("curl", "curl -H 'Authorization: Token hunter2 x' https://host/", PW, stays=("https://host/",)),
    case("curl-double", 'curl -H "X-Api-Key: hunter2" https://host/', PW, stays=("https://host/",)),
    case("tuple", "('Authorization', 'hunter2 x'), ('Host', 'x')", PW, stays=("'Host'",)),
    case("bytes", r"b'GET / HTTP/1.1\r\nCookie: a=hunter2\r\nHost: x\r\n'", PW, stays=("Host: x",)),
    case("observed", "route headers: authorization: " + JWT, JWT),
]
URLS = [
    case("user", "https://bob:hunter2@host:8080/path", PW, stays=("host:8080/path",)),
    case("token", "https://hunter2@host/path", PW, stays=("host/path",)),
    case("slash", "http://bob:hun/ter2@proxy:3128", "ter2", stays=("proxy:3128",)),
    case("at", "amqp://bob:hunt@er2@host/", "er2", stays=("host/",)),
    case("encoded", "https://bob:hunt%40er2@host", "er2", stays=("host",)),
    case("url-encoded", "next=https%3A%2F%2Fbob%3Ahunter2%40host", PW),
    case("proxy-env", "HTTPS_PROXY=http://bob:hunter2@proxy:3128", PW, stays=("proxy:3128",)),
    case("mysql", "bob:hunter2@tcp(db:3306)/x", PW, stays=("tcp(db:3306)",)),
    case("no-scheme", "proxy is bob:hunter2@proxy.example:3128", PW, stays=("proxy.example",)),
    case("postgres", "postgresql+psycopg://bob:hunter2@/db?host=x", PW),
    case("signature", "https://b/x?sv=1&sig=abc%2Bdef%3D&x=1", "abc%2B", stays=("x=1",)),
    case("amz", "https://b/x?X-Amz-Signature=abcdef0123&X-Amz-Date=1", "abcdef0123", stays=("X-Amz-Date=1",)),
    case("access-token", "GET /cb?access_token=hunter2&x=1", PW, stays=("x=1",)),
    case("code", "GET /cb?code=hunter2&x=1", PW, stays=("x=1",)),
]
BLOCKS = [
    case("whole", f"a\n{PEM}\nz", *BODY, stays=("a\n", "\nz")),
    case("crlf", PEM.replace("\n", "\r\n") + "\r\nz", *BODY, stays=("z",)),
    case("literal", PEM.replace("\n", "\\n"), *BODY),
    case("literal-twice", PEM.replace("\n", "\\\\n"), *BODY),
    case("url-encoded", PEM.replace("\n", "%0A").replace(" ", "%20"), *BODY),
    case("one-line", PEM.replace("\n", " "), *BODY),
    case("indented", "\n".join(f"      {line}" for line in PEM.split("\n")), *BODY),
    case("log", "\n".join(f"[pod/x/y] {line}" for line in PEM.split("\n")), *BODY),
    case("pytest", "\n".join(f"E   {line}" for line in PEM.split("\n")), *BODY),
    case("diff", "\n".join(f"+{line}" for line in PEM.split("\n")), *BODY),
    case("ec", PEM.replace("RSA", "EC"), *BODY),
    case("openssh", PEM.replace("RSA", "OPENSSH"), *BODY),
    case("encrypted", PEM.replace("RSA", "ENCRYPTED"), *BODY),
    case("pkcs8", PEM.replace("RSA ", ""), *BODY),
    case(
        "dek", PEM.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,00\n\n", 1), *BODY
    ),
    case(
        "ssh2",
        PEM.replace("-----BEGIN RSA PRIVATE KEY-----", "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----").replace(
            "-----END RSA PRIVATE KEY-----", "---- END SSH2 ENCRYPTED PRIVATE KEY ----"
        ),
        *BODY,
    ),
    case(
        "pgp",
        PEM.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK").replace(
            "BLOCK-----\n", "BLOCK-----\nVersion: x\n\n", 1
        ),
        *BODY,
    ),
    case("pgp-message", PEM.replace("RSA PRIVATE KEY", "PGP MESSAGE"), *BODY),
    case(
        "no-end",
        "\n".join([*PEM.split("\n")[:4], "a log line, no key"]),
        *BODY[:3],
        stays=("a log line, no key",),
    ),
    case(
        "no-end-logged",
        "\n".join([*(f"[pod/x/y] {each}" for each in PEM.split("\n")[:4]), "[pod/x/y] a line"]),
        *BODY[:3],
        stays=("a line",),
    ),
    case("no-end-literal", "key=" + "\\n".join(PEM.split("\n")[:4]), *BODY[:3]),
    case(
        "no-begin",
        "\n".join(["a log line, no key", *PEM.split("\n")[2:]]),
        *BODY[1:],
        "c2hvcnQ=",
        stays=("a log line, no key",),
    ),
    case("no-begin-literal", "\\n".join(PEM.split("\n")[2:]), *BODY[1:]),
    case("neither", "\n".join(["a log line", *BODY[1:4], "z z"]), *BODY[1:4], stays=("a log line", "z z")),
    case("short-begin", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow", "MIIEow"),
    case(
        "putty",
        "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 2\n"
        + "\n".join(BODY[:2])
        + "\nPrivate-MAC: 0011aabb",
        *BODY[:2],
        "0011aabb",
    ),
]
ENCODINGS = [
    case("base64-pem", f"x: {encoded(PEM)}", encoded(PEM)[100:140]),
    *(
        case(f"base64-pem-{lead}", encoded("x" * lead + PEM), encoded("x" * lead + PEM)[100:140])
        for lead in (1, 2)
    ),
    case("base64url-pem", base64.urlsafe_b64encode(PEM.encode()).decode(), encoded(PEM)[100:130]),
    case("base64-twice", encoded(encoded(PEM)), encoded(encoded(PEM))[100:140]),
    case("der", f"key {encoded(DER)}", encoded(DER)[40:80]),
    case("hex-der", f"key {DER.hex()}", DER.hex()[40:80]),
    case("hex-text", b"password=hunter2 and more".hex(), "68756e746572"),
    case("base64-text", encoded('{"password": "hunter2"}'), encoded('{"password": "hunter2"}')[8:24]),
    case("docker", DOCKER, "s3cr3t", encoded("u:s3cr3t-pw")),
    case("docker-encoded", f".dockerconfigjson: {encoded(DOCKER)}", encoded(DOCKER)[20:60]),
    case("docker-unnamed", f"x {encoded(DOCKER)}", encoded(DOCKER)[20:60]),
    case("json-in-json", json.dumps(json.dumps(json.dumps({"password": "hunter2"}))), PW),
    case("percent", "body=password%3Dhunter2%26user%3Dbob", PW),
]
LETTERS = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xYzAbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
HEX = "0123456789abcdef" * 5
TOKENS = [
    case(name, f"seen {token} here", token, stays=("seen ", " here"))
    for name, token in {
        "jwt": JWT,
        "kubeadm": "abcdef.0123456789abcdef",
        "github": "gh" + "p_" + LETTERS[:36],
        "github-fine": "github" + "_pat_" + LETTERS[:22] + "_" + LETTERS[:59],
        "gitlab": "gl" + "pat-" + LETTERS[:20],
        "gitlab-runner": "gl" + "rt-" + LETTERS[:20],
        "bitbucket": "AT" + "BB" + LETTERS[:32],
        "atlassian": "ATA" + "TT3" + LETTERS[:60],
        "npm": "np" + "m_" + LETTERS[:36],
        "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + LETTERS,
        "docker": "dckr" + "_pat_" + LETTERS[:27],
        "aws": "AK" + "IA" + "ABCDEFGHIJKLMNOP",
        "aws-temporary": "AS" + "IA" + "ABCDEFGHIJKLMNOP",
        "google": "AI" + "za" + LETTERS[:35],
        "google-oauth": "ya" + "29." + LETTERS[:60],
        "google-client": "GOC" + "SPX-" + LETTERS[:28],
        "vault": "hv" + "s." + LETTERS[:24],
        "digitalocean": "do" + "p_v1_" + HEX[:64],
        "openai": "s" + "k-proj-" + LETTERS[:48],
        "hugging-face": "h" + "f_" + "abcdefghijklmnopqrstuvwxyzABCDEFGH",
        "slack": "xo" + "xb-123456789012-123456789012-" + LETTERS[:24],
        "sendgrid": "S" + "G." + LETTERS[:22] + "." + LETTERS[:43],
        "stripe": "sk" + "_live_" + LETTERS[:24],
        "shopify": "shp" + "at_" + HEX[:32],
        "grafana": "gl" + "sa_" + LETTERS[:32] + "_0a1b2c3d",
        "new-relic": "NR" + "AK-" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0",
        "age": "AGE-SECRET" + "-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2,
        "linear": "lin" + "_api_" + LETTERS[:40],
        "databricks": "da" + "pi" + HEX[:32],
        "square": "sq" + "0atp-" + LETTERS[:22],
        "telegram": "123456789:AA" + LETTERS[:33],
        "apache-hash": "bob:$ap" + "r1$abcdefgh$0123456789abcdefghijkl",
        "bcrypt": "$2" + "y$05$" + LETTERS[:53],
        "ldap-hash": "{SH" + "A}" + encoded(bytes(range(20))),
        "aws-session": "IQoJ" + "b3JpZ2luX2Vj" + LETTERS * 2,
        "aws-federation": "FwoG" + "ZXIvYXdzE" + LETTERS * 2,
        "google-hmac": "GO" + "OG1E" + LETTERS.upper()[:57],
        "eks": "k8s-aws" + "-v1." + LETTERS,
        "k3s": "K10" + HEX[:64] + "::server:" + HEX[:32],
        "sonar": "sq" + "p_" + HEX[:40],
        "sonar-user": "sq" + "u_" + HEX[:40],
        "sourcegraph": "sg" + "p_" + HEX[:40],
        "netlify": "nf" + "p_" + LETTERS[:36],
        "doppler": "dp" + ".pt." + LETTERS[:43],
        "doppler-service": "dp" + ".st.dev." + LETTERS[:43],
        "planetscale": "pscale" + "_pw_" + LETTERS[:43],
        "brevo": "xkey" + "sib-" + HEX[:64] + "-" + LETTERS[:16],
        "easypost": "EZ" + "AK" + LETTERS[:54],
        "duffel": "duffel" + "_live_" + LETTERS[:43],
        "artifactory": "cmVm" + "dGtuOjAx" + LETTERS[:52],
        "crypt": "$" + "6$saltsalt$" + LETTERS[:60],
    }.items()
] + [
    case(
        "azure",
        "AccountName=x;Account" + "Key=" + encoded(bytes(range(64))) + ";E=1",
        encoded(bytes(range(64))),
        stays=("AccountName=x",),
    ),
    case("aws-pair", "AK" + "IA" + "ABCDEFGHIJKLMNOP:" + LETTERS[:40] + " x", LETTERS[:40], stays=(" x",)),
    case("aws-pair-lines", "AK" + "IA" + "ABCDEFGHIJKLMNOP\n" + LETTERS[:40] + "\nx", LETTERS[:40]),
    case("aws-secret", "aws_secret_access" + "_key = " + LETTERS[:40], LETTERS[:40]),
]
KINDS = {
    "named": [*NAMED, *LOGS, *NAMES],
    "pairs": [*PAIRS, *KUBERNETES],
    "headers": HEADERS,
    "urls": URLS,
    "blocks": [*BLOCKS, *BROKEN],
    "encodings": ENCODINGS,
    "tokens": TOKENS,
}
EVERY = [(kind, each) for kind, cases in KINDS.items() for each in cases]
