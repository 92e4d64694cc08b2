<?php

/**
 * Asks the guide's verifier about tokens: one a line of standard input, as {"token": …}. Answers {"claims": …} or {"refused": why}.
 *
 * php verify.php verify_php_jwt.php
 */

declare(strict_types=1);

require __DIR__ . '/autoload.php';
require getcwd() . '/' . $argv[1];

while (($line = fgets(STDIN)) !== false) {
    try {
        $answer = ['claims' => verify(json_decode($line, flags: JSON_THROW_ON_ERROR)->token)];
    } catch (Throwable $error) {
        $answer = ['refused' => $error::class . ': ' . $error->getMessage()];
    }
    echo json_encode($answer, JSON_THROW_ON_ERROR), "\n";
}
