<?php

namespace App;

/**
 * Sends mail.
 */
class Mailer
{
    public function __construct(private string $from) {}

    /** Sends one mail to one address. */
    public function send(string $to, string $text): bool
    {
        return mail($to, "Message", $text, "From: {$this->from}");
    }
}

function escape(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES);
}
