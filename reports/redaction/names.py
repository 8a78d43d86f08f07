"""Which field names say that their value is a secret.

Names are compared in lower case without `_`, `-`, `.` and blanks: `client-key-data`, `clientKeyData` and
`CLIENT_KEY_DATA` are one name.
"""

import re
from enum import Enum
from functools import lru_cache

_LONGEST = 100


class Strength(Enum):
    """How much of a field's value is a secret."""

    NONE = 0
    #: A scalar is a secret; a mapping below it is not (`secret: {secretName: x}`).
    WEAK = 1
    #: The whole value is a secret, whatever its form.
    STRONG = 2
    #: A strong name whose value runs to the end of the line (`Cookie: a=b; c=d`).
    HEADER = 3


_HEADERS = re.compile(
    r"authorization|cookie2?$|^xapikey$|^xauth(?:token|key)?$|^xfunctionskey$|authenticationinfo|^xforwardedaccesstoken$"
)
_STRONG = re.compile(
    r"password|passwd|passphrase|passcode|pwd|privatekey|apikey|accesskey|secretkey|secretaccess|clientsecret"
    r"|credential|dockerconfigjson|dockercfg|clientkeydata|tlskey|keypem|connectionstring|connstr|signingkey"
    r"|encryptionkey|(?:auth|access|refresh|id|bearer|session|api|security|personal|private|bot|vault|deploy"
    r"|bootstrap|csrf|xsrf|identity|oauth)token$|ticketkeys|hmac|masterkey|accountkey|storagekey|presharedkey"
    r"|sharedkey|sessionkey|jwtkey|aeskey|rsakey|sshkey|servicekey|deploykey|licensekey|cipherkey|webhookkey"
    r"|appkey|subscriptionkey|securekey|oauth2bearer|passwort|kennwort|contrase[nñ]a|decryptionkey|sharedaccesssignature|sessionid$|sessid$|consumerkey|authkey$|secretstring|secretbinary|secretid$|secretvalue|tokenvalue|codeverifier|clientassertion$|idtokenhint"
    r"|motdepasse|wachtwoord|certificatekey|(?:bind|root|db|admin|user)pw$|(?:wifi|wpa|wlan|ipsec|vpn|tls)psk$"
    r"|(?:github|gitlab|git|azure|devops)pat$|mnemonic|seedphrase|recoverycode"
)
_STRONG_EXACT = frozenset(
    {
        "auths",
        "pass",
        "psk",
        "idrsa",
        "ided25519",
        "idecdsa",
        "iddsa",
        "cookies",
        "htpasswd",
        "netrc",
        "pgpass",
        "storepass",
        "keypass",
        "userpass",
        "proxyauth",
        "basicauth",
        "requirepass",
        "masterauth",
        "dsn",
        "jaasconfig",
        "saslpass",
        "otp",
        "totp",
        "senha",
        "clave",
    }
)
_WEAK = re.compile(
    r"(?:secret|token|secrets|tokens)$|^auth$|(?:^|job|auth|user|session)jwt$|(?:cli|redis|docker|npm|smtp|registry)auth$"
)
#: Names of what is beside a secret, or where it is: these are the evidence.
_HARMLESS_END = re.compile(
    r"(?:names?|refs?|paths?|files?|dir|url|uri|endpoint|polic(?:y|ies)|type|size|length|count|ttl|expiration"
    r"|expiry|seconds|timeout|interval|enabled|disabled|required|version|mode|algorithm|provider|issuer"
    r"|audiences?|reviews?|configs?|prefix|format|selector|mount|volume|header|headers|hash|rotation|requests?"
    r"|public|pub|location|bucket|perfill|source|lifetime|valid|status|error|errors|total|namespace|field|keyid"
    r"|pullsecrets?|schema|socket|uds|results?|controller|k8sio|istioio)$"
)
_HARMLESS = frozenset(
    {
        "maxtokens",
        "serviceaccounttoken",
        "automountserviceaccounttoken",
        "tokens",
        "totaltokens",
        "localratelimittoken",
        "credentialsuite",
        "forwardoriginaltoken",
        "pwdpath",
        "imagepullsecrets",
        "allowcredentials",
        "tlscertificatesdssecret",
        "bypass",
        "compass",
        "kubernetesiodockerconfigjson",
    }
)
_NOT_HARMLESS = re.compile(r"htpasswdfile|dockerconfig|jaasconfig|privatekeyvolumekey")
_SHORT = re.compile(r"(?:^|[_.\- ])(?:pass|pw|pin|creds?|cred)$")
_UPPER = re.compile(r"[A-Z][A-Z0-9_]*_PAT")
_CAMEL = re.compile(r"[a-z](?:Pass|Pw|Creds?)$")
#: A signature or code is a secret only as a parameter of a URL.
PARAMETERS = frozenset(
    {
        "sig",
        "signature",
        "xamzsignature",
        "xamzcredential",
        "xamzsecuritytoken",
        "xgoogsignature",
        "xgoogcredential",
        "code",
        "key",
        "sas",
        "ticket",
        "samlresponse",
        "assertion",
        "jwt",
        "state",
        "sid",
    }
)
#: Members of a JSON web key that only its owner knows.
JWK = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
_DROPPED = str.maketrans("", "", "_-. ")


def normalized(name: str) -> str:
    """The name as these tables have it."""
    return name.translate(_DROPPED).lower()


@lru_cache(maxsize=4096)
def strength(name: str) -> Strength:
    """What a field of this name holds."""
    if len(name) > _LONGEST:
        return Strength.NONE
    plain = normalized(name)
    if plain in _HARMLESS or (_HARMLESS_END.search(plain) and not _NOT_HARMLESS.search(plain)):
        return Strength.NONE
    if plain == "httpcookie" and "." not in name:
        return Strength.NONE  # Istio's consistent hash: a name and a time to live
    if _HEADERS.search(plain):
        return Strength.HEADER
    if _SHORT.search(name.lower()) or _CAMEL.search(name):
        return Strength.STRONG
    key_file = (
        name.lower().endswith((".key", "-key.pem", ".p12", ".pfx", ".jks", ".keytab")) and name[0] != "."
    )
    if key_file or plain in _STRONG_EXACT or _STRONG.search(plain):
        return Strength.STRONG
    return Strength.WEAK if _WEAK.search(plain) or _UPPER.fullmatch(name) else Strength.NONE


def sensitive(name: str) -> bool:
    """Whether a scalar of this name is a secret."""
    return strength(name) is not Strength.NONE
