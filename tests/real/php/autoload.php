<?php

/**
 * Finds the classes that Composer would: Guzzle's, Symfony's and PSR's under PHP_LIBRARIES, where Debian's packages are unpacked, and
 * php-jwt's in PHP_JWT, the folder of its sources.
 */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    $ours = 'Firebase\\JWT\\';
    $file = str_starts_with($class, $ours)
        ? getenv('PHP_JWT') . '/' . substr($class, strlen($ours))
        : getenv('PHP_LIBRARIES') . '/' . strtr($class, '\\', '/');
    if (is_file("$file.php")) {
        require "$file.php";
    }
});
