"""Texts with a secret in them, by kind: each secret must be gone, and what is beside it stays where it is named.

Tokens are put together from parts, so that no scanner of a code host takes these examples for real ones.
"""

import base64
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """One text, what must not be left of it, and what must."""

    name: str
    text: str
    secrets: tuple[str, ...]
    stays: tuple[str, ...] = ()


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def case(name: str, text: str, *secrets: str, stays: tuple[str, ...] = ()) -> Case:
    return Case(name, text, secrets, stays)


PW = "hunter2"
RICH = "p@$s w0rd,'x\"#;{y}"
BASIC = encoded("admin:hunter2")
BODY = [encoded(bytes((i * 37 + n * 11) % 256 for i in range(48))) for n in range(5)]
PEM = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *BODY, "c2hvcnQ=", "-----END RSA PRIVATE KEY-----"])
DER = bytes.fromhex("308204a20201000282010100") + bytes((i * 37) % 256 for i in range(150))
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl"
DOCKER = json.dumps({"auths": {"registry.example": {"username": "u", "auth": encoded("u:s3cr3t-pw")}}})
SECRET_JSON = json.dumps({"apiVersion": "v1", "data": {"any": encoded("plain-words")}, "kind": "Secret"})
SECRET_YAML = (
    f"apiVersion: v1\ndata:\n  any: {encoded('plain-words')}\nkind: Secret\nmetadata:\n  name: mine\n"
)
APPLIED = json.dumps({"metadata": {"annotations": {"last-applied": SECRET_JSON}}})
ENVOY = '{"private_key": {"inline_string": "abcd-efgh"}, "name": "tls"}'

NAMED = [
    case("yaml", "password: hunter2\nuser: bob", PW, stays=("user: bob",)),
    case("short", "  pwd: x7!", "x7!"),
    case("rich", f"password: {RICH}\nuser: bob", RICH, "w0rd", "{y}", stays=("user: bob",)),
    case("passphrase", "AssertionError: passphrase: correct horse battery", "horse", "battery"),
    case("env", "DB_PASSWORD=p@ss word #1\nUSER=bob", "p@ss", "word #1", stays=("USER=bob",)),
    case("export", "export API_KEY='abc def'", "abc", "def"),
    case("json", '{"password":"hunter2","user":"bob"}', PW, stays=('"user":"bob"',)),
    case("json-quote", r'{"password": "a\"hunter2", "user": "bob"}', PW, stays=('"user": "bob"',)),
    case("json-number", '{"password": 123456, "user": "bob"}', "123456", stays=('"user": "bob"',)),
    case("python", "{'password': 'hunter2', 'user': 'bob'}", PW, stays=("'user': 'bob'",)),
    case("escaped", r"{\"password\":\"hunter2\",\"user\":\"bob\"}", PW, stays=("user",)),
    case(
        "escaped-twice", r"{\\\"password\\\":\\\"hunter2\\\",\\\"user\\\":\\\"bob\\\"}", PW, stays=("user",)
    ),
    case("single-quoted", "password: 'it''s hunter2'\nuser: bob", PW, stays=("user: bob",)),
    case("go-map", "map[password:hunter2 user:bob]", PW, stays=("user:bob",)),
    case("go-struct", "{User:bob Password:hunter2 Port:80}", PW, stays=("Port:80",)),
    case("logfmt", "msg=login password=hunter2 user=bob", PW, stays=("user=bob",)),
    case("flow", "{password: hunter2, user: bob}", PW, stays=("user: bob",)),
    case("dsn", '"host=db password=hunter2 sslmode=on"', PW, stays=("sslmode=on",)),
    case("flag", "mytool --password hunter2 --user bob", PW, stays=("--user bob",)),
    case("flag-equals", "mytool --token=hunter2 --user bob", PW, stays=("--user bob",)),
    case("flag-list", '["--password", "hunter2", "--user", "bob"]', PW, stays=('"--user", "bob"',)),
    case("flag-yaml", "args:\n- --api-key\n- hunter2\n- --user", PW, stays=("--user",)),
    case("flag-yaml-equals", 'args:\n- "--password=hunter2 x"\n- --user', "hunter2 x", stays=("--user",)),
    case("curl-user", "curl -u admin:hunter2 https://host/", PW, stays=("https://host/",)),
    case("curl-user-list", "['curl', '--user', 'admin:hunter2', 'x']", PW),
    case("block", "password: |-\n  hunter2\n  more\nuser: bob", PW, "more", stays=("user: bob",)),
    case(
        "block-indicator",
        "a:\n  privateKey: >2+\n     hunter2\n\n    more\n  user: bob",
        PW,
        "more",
        stays=("bob",),
    ),
    case("nested", "authorization:\n  exact: hunter2\nuri: /x", PW, stays=("uri: /x",)),
    case("nested-json", '{"authorization": {"exact": "hunter2"}, "uri": "/x"}', PW, stays=('"uri": "/x"',)),
    case("folded-plain", "password: one\n  hunter2\nuser: bob", PW, stays=("user: bob",)),
    case("quoted-lines", 'password: "one\n  hunter2"\nuser: bob', PW, stays=("user: bob",)),
    case("envoy-key", ENVOY, "abcd-efgh", stays=('"name": "tls"',)),
    case("envoy-key-pretty", json.dumps(json.loads(ENVOY), indent=1), "abcd-efgh", stays=('"name": "tls"',)),
    case("envoy-generic", '{"secret": {"inline_string": "hunter2"}}', PW),
    case(
        "envoy-ticket", '{"session_ticket_keys": {"keys": [{"inline_bytes": "aHVudGVyMg=="}]}}', "aHVudGVyMg"
    ),
    case("proto-text", 'password { inline_string: "x" } password: "hunter2"', PW),
    case("weak-env", "WEBHOOK_SECRET=hunter2", PW),
    case("weak-json", '{"token": "hunter2"}', PW),
    case("weak-prose", "was refused with token: a1b2c3d4", "a1b2c3d4"),
    case("compare", "assert password == 'hunter2'", PW),
    case("prose", "user bob with password 'hunter2' refused", PW, stays=("refused",)),
    case("words", "API key: abc-def", "abc-def"),
    case("xml", "<password>hunter2</password>", PW),
    case("netrc", "machine h login bob password swordfish", "swordfish"),
    case(
        "jwk",
        '{"kty":"RSA","n":"AAAA","d":"c2VjcmV0LXBhcnQtb2Yta2V5"}',
        "c2VjcmV0LXBhcnQ",
        stays=('"n":"AAAA"',),
    ),
    case("prefixed", "[pod/a/b] password: hunter2\nE   password: hunter3", PW, "hunter3"),
    case("diff", "+  password: hunter2\n-  password: hunter3", PW, "hunter3"),
    case("connection", "connectionString: Server=db;Pwd=hunter2", PW),
    case(
        "kubeconfig",
        "users:\n- name: a\n  user:\n    client-key-data: aHVudGVyMg==\n    token: hunter2",
        PW,
        "aHVudGVy",
    ),
    case(
        "string-with-lines",
        json.dumps("user: bob\npassword: |\n  hunter2\n  more\nport: 1"),
        PW,
        "more",
        stays=("port",),
    ),
]
PAIRS = [
    case("compact", '{"name":"DB_PASSWORD","value":"hunter2"}', PW),
    case("pretty", '{\n "name": "DB_PASSWORD",\n "value": "hunter2"\n}', PW),
    case("reversed", '{"value": "hunter2", "name": "DB_PASSWORD"}', PW),
    case(
        "python",
        "[{'name': 'API_TOKEN', 'value': 'hunter2'}, {'name': 'A', 'value': 'b'}]",
        PW,
        stays=("'value': 'b'",),
    ),
    case(
        "yaml", "env:\n- name: DB_PASSWORD\n  value: hunter2\n- name: A\n  value: b", PW, stays=("value: b",)
    ),
    case(
        "yaml-reversed",
        "- value: hunter2\n  name: DB_PASSWORD\n- value: b\n  name: A",
        PW,
        stays=("value: b",),
    ),
    case("yaml-block", "- name: DB_PASSWORD\n  value: |\n    hunter2\n- name: A", PW, stays=("name: A",)),
    case(
        "header-option",
        '{"header": {"key": "authorization", "value": "hunter2"}, "append": true}',
        PW,
        stays=("append",),
    ),
    case(
        "matcher",
        '{"name": "x-api-key", "string_match": {"exact": "hunter2"}, "a": 1}',
        PW,
        stays=('"a": 1',),
    ),
    case("condition", 'when:\n- key: request.headers[authorization]\n  values: ["hunter2"]', PW),
    case("jaeger", '{"key": "http.cookie", "type": "string", "value": "hunter2"}', PW),
    case("escaped", r"[{\"name\":\"DB_PASSWORD\",\"value\":\"hunter2\"}]", PW),
    case("secret-json", SECRET_JSON, encoded("plain-words"), stays=("apiVersion",)),
    case("secret-yaml", SECRET_YAML, encoded("plain-words"), stays=("name: mine",)),
    case(
        "string-data",
        "kind: Secret\nstringData:\n  a: plain words\n  b: |\n    more\ntype: Opaque",
        "plain words",
        "more",
        stays=("Opaque",),
    ),
    case(
        "secret-list",
        "items:\n- apiVersion: v1\n  data:\n    a: cGxhaW4=\n  kind: Secret\n- data:\n    b: stays\n  kind: ConfigMap",
        "cGxhaW4",
        stays=("b: stays",),
    ),
    case("secret-applied", APPLIED, encoded("plain-words"), stays=("annotations",)),
]
HEADERS = [
    case("basic", f"Authorization: Basic {BASIC}", BASIC),
    case("basic-bare", f"sent Basic {BASIC} to the gateway", BASIC, stays=("to the gateway",)),
    case("bearer-bare", "sent Bearer abc123def456 to", "abc123def456", stays=(" to",)),
    case("lower", "> authorization: Digest username=\"bob\", response=\"hunter2\"", PW),
    case("proxy", f"Proxy-Authorization: Basic {BASIC}\nHost: x", BASIC, stays=("Host: x",)),
    case("cookie", "Cookie: a=hunter2; b=more words\nHost: x", PW, "more", stays=("Host: x",)),
    case("set-cookie", "< set-cookie: session=hunter2; Path=/", PW),
    case("curl", "curl -H 'Authorization: Token hunter2 x' https://host/", PW, stays=("https://host/",)),
    case("curl-double", 'curl -H "X-Api-Key: hunter2" https://host/', PW, stays=("https://host/",)),
    case("tuple", "('Authorization', 'hunter2 x'), ('Host', 'x')", PW, stays=("'Host'",)),
    case("bytes", r"b'GET / HTTP/1.1\r\nCookie: a=hunter2\r\nHost: x\r\n'", PW, stays=("Host: x",)),
    case("observed", "route headers: authorization: " + JWT, JWT),
]  # fmt: skip
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
    case("dek", PEM.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,00\n\n", 1), *BODY),
    case("ssh2", PEM.replace("-----BEGIN RSA PRIVATE KEY-----", "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----").replace("-----END RSA PRIVATE KEY-----", "---- END SSH2 ENCRYPTED PRIVATE KEY ----"), *BODY),
    case("pgp", PEM.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK").replace("BLOCK-----\n", "BLOCK-----\nVersion: x\n\n", 1), *BODY),
    case("pgp-message", PEM.replace("RSA PRIVATE KEY", "PGP MESSAGE"), *BODY),
    case("no-end", "\n".join([*PEM.split("\n")[:4], "a log line, no key"]), *BODY[:3], stays=("a log line, no key",)),
    case("no-end-logged", "\n".join([*(f"[pod/x/y] {each}" for each in PEM.split("\n")[:4]), "[pod/x/y] a line"]), *BODY[:3], stays=("a line",)),
    case("no-end-literal", "key=" + "\\n".join(PEM.split("\n")[:4]), *BODY[:3]),
    case("no-begin", "\n".join(["a log line, no key", *PEM.split("\n")[2:]]), *BODY[1:], "c2hvcnQ=", stays=("a log line, no key",)),
    case("no-begin-literal", "\\n".join(PEM.split("\n")[2:]), *BODY[1:]),
    case("neither", "\n".join(["a log line", *BODY[1:4], "z z"]), *BODY[1:4], stays=("a log line", "z z")),
    case("short-begin", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow", "MIIEow"),
    case("putty", "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 2\n" + "\n".join(BODY[:2]) + "\nPrivate-MAC: 0011aabb", *BODY[:2], "0011aabb"),
]  # fmt: skip
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
    case("hex-text", "password=hunter2 and more".encode().hex(), "68756e746572"),
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
        "crypt": "$" + "6$saltsalt$" + LETTERS[:60],
    }.items()
] + [
    case("azure", "AccountName=x;Account" + "Key=" + encoded(bytes(range(64))) + ";E=1", encoded(bytes(range(64))), stays=("AccountName=x",)),
    case("aws-secret", "aws_secret_access" + "_key = " + LETTERS[:40], LETTERS[:40]),
]  # fmt: skip
KINDS = {
    "named": NAMED, "pairs": PAIRS, "headers": HEADERS, "urls": URLS, "blocks": BLOCKS, "encodings": ENCODINGS,
    "tokens": TOKENS,
}  # fmt: skip
EVERY = [(kind, each) for kind, cases in KINDS.items() for each in cases]
