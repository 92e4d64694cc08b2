//! One cheap hash of each spelling, all of [`PASSWORD`], made with Python's hashlib and argon2-cffi or taken from the vectors.

/// The password of all of them.
pub(crate) const PASSWORD: &[u8] = b"plum harbour lantern 47!";

/// The name of the format, and the text.
pub(crate) const CHEAP: &[(&str, &str)] = &[
    (
        "argon2id",
        "$argon2id$v=19$m=64,t=1,p=2$MDEyMzQ1Njc4OWFiY2RlZg$zr+j+vciIJZQTiUcxrfv5OdMblnZ+XRcmhmvAP3o5Xs",
    ),
    (
        "argon2i",
        "$argon2i$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$WjpEomC/TP8GVn/N/vWBEeVV5IUITyhuuq1BbvpU2o8",
    ),
    (
        "argon2id",
        "argon2$argon2id$v=19$m=64,t=1,p=2$MDEyMzQ1Njc4OWFiY2RlZg$zr+j+vciIJZQTiUcxrfv5OdMblnZ+XRcmhmvAP3o5Xs",
    ),
    (
        "argon2id",
        "{ARGON2}$argon2id$v=19$m=64,p=2,t=1$MDEyMzQ1Njc4OWFiY2RlZg$zr+j+vciIJZQTiUcxrfv5OdMblnZ+XRcmhmvAP3o5Xs",
    ),
    (
        "argon2id",
        r#"{"secretData":"{\"value\":\"zr+j+vciIJZQTiUcxrfv5OdMblnZ+XRcmhmvAP3o5Xs=\",\"salt\":\"MDEyMzQ1Njc4OWFiY2RlZg==\",\"additionalParameters\":{}}","credentialData":"{\"hashIterations\":1,\"algorithm\":\"argon2\",\"additionalParameters\":{\"hashLength\":[\"32\"],\"memory\":[\"64\"],\"type\":[\"id\"],\"version\":[\"1.3\"],\"parallelism\":[\"2\"]}}"}"#,
    ),
    (
        "scrypt",
        "$scrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$ZITW7qIEyq7ij6rH2eDbec6gvWnNM4soImd3G7kumEI",
    ),
    (
        "scrypt",
        "$scrypt$ln=4,r=8,p=1,l=64$MDEyMzQ1Njc4OWFiY2RlZg$ZITW7qIEyq7ij6rH2eDbec6gvWnNM4soImd3G7kumEKgX8axmF2DWnJleU1FiCXBGhWR4jY3BDPFzZpFtqws1w",
    ),
    (
        "scrypt",
        "$scrypt$ln=64,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$vMvl9+XxVAjx6hFF8Aqy0kfADsbR998/Jrtr1hBJrfk=",
    ),
    (
        "scrypt",
        "scrypt$64$0123456789abcdef$8$1$vMvl9+XxVAjx6hFF8Aqy0kfADsbR998/Jrtr1hBJrfneViQOUnBx9RwtrdkN0nQgxvlpgIo7/Gy//hqn9pcVYA==",
    ),
    (
        "scrypt",
        "scrypt:64:8:1$0123456789abcdef$bccbe5f7e5f15408f1ea1145f00ab2d247c00ec6d1f7df3f26bb6bd61049adf9de56240e527071f51c2dadd90dd27420c6f969808a3bfc6cbffe1aa7f6971560",
    ),
    ("scrypt", "$40801$MDEyMzQ1Njc4OWFiY2RlZg==$ZITW7qIEyq7ij6rH2eDbec6gvWnNM4soImd3G7kumEI="),
    (
        "firebase-scrypt",
        "$firescrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$wW5alVzpvNgShAlTlJeaEcA4KzufRJtY8pjZ+0Bv26xDOv4U6w75ZvYZku+DbCABWUvCYsW8QOnoTRNDyvXLEQ==$Bw==$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
    ),
    (
        "firebase-scrypt",
        "$fbscrypt$v=1,n=4,r=8,p=1,ss=Bw==,sk=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$MDEyMzQ1Njc4OWFiY2RlZg==$wW5alVzpvNgShAlTlJeaEcA4KzufRJtY8pjZ+0Bv26xDOv4U6w75ZvYZku+DbCABWUvCYsW8QOnoTRNDyvXLEQ==",
    ),
    (
        "pbkdf2-sha256",
        "$pbkdf2-sha256$i=10$MDEyMzQ1Njc4OWFiY2RlZg$SY45tPcqQXBc+9tkhFGvyMLLUfPgL3HqkWQmlr7tEG8",
    ),
    (
        "pbkdf2-sha512",
        "$pbkdf2-sha512$i=10,l=32$MDEyMzQ1Njc4OWFiY2RlZg$2NMXXNQ9MF/orqaz8p4GBcmuBIc+M1awEn49crJnHwg",
    ),
    ("pbkdf2-sha1", "$pbkdf2$10$MDEyMzQ1Njc4OWFiY2RlZg$2eI9Y5P9MOBJZ0SYgCV5SivXtwA"),
    (
        "pbkdf2-sha256",
        "{PBKDF2-SHA256}10$MDEyMzQ1Njc4OWFiY2RlZg$SY45tPcqQXBc.9tkhFGvyMLLUfPgL3HqkWQmlr7tEG8",
    ),
    ("pbkdf2-sha1", "{PKCS5S2}MDEyMzQ1Njc4OWFiY2RlZjPcOm7q6zcjPe694eBLGvq8mi/PrzwdR77CKYrxBLEf"),
    (
        "pbkdf2-sha256",
        "pbkdf2_sha256$10$0123456789abcdef$SY45tPcqQXBc+9tkhFGvyMLLUfPgL3HqkWQmlr7tEG8=",
    ),
    ("pbkdf2-sha1", "pbkdf2_sha1$10$0123456789abcdef$2eI9Y5P9MOBJZ0SYgCV5SivXtwA="),
    (
        "pbkdf2-sha256",
        "pbkdf2:sha256:10$0123456789abcdef$498e39b4f72a41705cfbdb648451afc8c2cb51f3e02f71ea91642696beed106f",
    ),
    (
        "pbkdf2-sha512",
        "AQAAAAIAAAAKAAAAEDAxMjM0NTY3ODlhYmNkZWbY0xdc1D0wX+iuprPyngYFya4Ehz4zVrASfj1ysmcfCA==",
    ),
    (
        "pbkdf2-sha512",
        r#"{"secretData":"{\"value\":\"2NMXXNQ9MF/orqaz8p4GBcmuBIc+M1awEn49crJnHwgUqC3/UFbbqyHiMo5fDHjn+svoZRufs0fc8HMZ1x0mfg==\",\"salt\":\"MDEyMzQ1Njc4OWFiY2RlZg==\",\"additionalParameters\":{}}","credentialData":"{\"hashIterations\":10,\"algorithm\":\"pbkdf2-sha512\",\"additionalParameters\":{}}"}"#,
    ),
    ("bcrypt", "$2a$05$a1On4vnJLgI/wOCpmbBfWebHJ9BMsptB5TjLvJX8yQL72dzeMmVmi"),
    ("bcrypt", "bcrypt$$2b$05$fHn90czPFUazolGfXD8TCe5AJNaEyf1ffmTOjORvRCp8e4eTceu1u"),
    ("bcrypt-sha256", "$bcrypt-sha256$2b,5$m65VhaJuhaULs1IetPxRje$5J2INP67hzHPckuqfDw8NyYA03zLY9O"),
    (
        "bcrypt-sha256",
        "$bcrypt-sha256$v=2,t=2b,r=5$J8mSu6gv4yJi18dDoeYfB.$7/MTZT//KR6Op5Wkckh54/cYZFhZ8PO",
    ),
    (
        "django-bcrypt-sha256",
        "bcrypt_sha256$$2b$05$MZH9yaTyHW00sLeNZgIyPedeELRgDDiA0hjyJ6E.re9XaCp3XkUFi",
    ),
    ("wordpress", "$wp$2y$05$dGYgbr.WiZPkUv8xaNRv4uoLbh5MzxlKbpfGhuTvWEFdDPYICucY6"),
    ("sha256-crypt", "$5$4Yw/Mt1dsgqk/n13$mjwcrfrxns/0rhd1Y/8BvsTKwwXHmwkMqkrrl2dPsY1"),
    (
        "sha512-crypt",
        "$6$rounds=1000$q9wUIIUonyN6BQKP$BIIX95Ms2JQE13uz70em5BCEQT5wyrEeTDdCXMVxPI/6Gm1AREeM3ATACYPssH3El06jctTE1i0Kt/EfJMbEr0",
    ),
    ("md5-crypt", "$1$q1HUE8o5$owBb0E07plVoYnkYZegNF."),
    ("ldap-ssha", "{SSHA}JyvqClKOipMg+oLIA3jF0CqYm07lHGOs"),
    ("ldap-ssha256", "{SSHA256}45p0j2+eVHdql8+LHENd+sA3inXBZALb/RPmKXrHzZkNYWyttdYagw=="),
    (
        "ldap-ssha512",
        "{SSHA512}qWlxkhBCdXGsM/LfBWNIDdKGMuAxkJJ464ZW2ESIEToDzihpc78QNlmczMw6AhBRyBvg5YBLUMKXYJb9GVJU2uccw/gfQ6h1",
    ),
    ("phpass", "$P$5saltsaltJcpg6nsnamTm2R9e0oVhP."),
    ("phpass", "$H$5saltsaltJcpg6nsnamTm2R9e0oVhP."),
    ("drupal7", "$S$5saltsalt/c6zuActXUkHgjUCfnYhklFLbjkhsdhT.9csGx9UAdB"),
    (
        "argon2id",
        "{pepper=cGVwcGVy}$argon2id$v=19$m=64,t=1,p=2,keyid=YWJj$MDEyMzQ1Njc4OWFiY2RlZg$6AxitQwAW3Y4O8xlQLBdGkuRmybuvDyjybWioRvqJp0",
    ),
];
